#!/bin/bash
# emacs.sh PREFIX: Emacs 30 (eglot is built in) by apt, from the backports of the running Debian where its own is older.
# Result: PREFIX/bin/emacs, a link. Needs root where Emacs is not there yet.
set -euo pipefail
prefix=${1:?a folder}
export DEBIAN_FRONTEND=noninteractive
version() { emacs --version 2>/dev/null | sed -n '1s/[^0-9]*\([0-9]*\).*/\1/p'; }
if [ "$(version || true)" = "" ] || [ "$(version)" -lt 30 ]; then
  . /etc/os-release
  apt-get update -qq
  from=()
  if [ "$(apt-cache policy emacs-nox | sed -n 's/.*Candidate: [0-9]*:*\([0-9]*\).*/\1/p')" -lt 30 ]; then
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | sort -u | head -1)
    line="deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $VERSION_CODENAME-backports main"
    echo "$line" > /etc/apt/sources.list.d/autoresearch-backports.list
    apt-get update -qq
    from=(-t "$VERSION_CODENAME-backports")
  fi
  apt-get install -y -qq --no-install-recommends "${from[@]}" emacs-nox emacs-el > /dev/null
fi
mkdir -p "$prefix/bin"
ln -sf "$(command -v emacs)" "$prefix/bin/emacs"
"$prefix/bin/emacs" --version | head -1
