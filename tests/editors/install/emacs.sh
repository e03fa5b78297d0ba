#!/bin/bash
# emacs.sh PREFIX: Emacs 30 (eglot is built in) by apt, from the backports of the running Debian where its own is older.
# Result: PREFIX/bin/emacs, a link. Needs root or sudo where Emacs is not there yet.
set -euo pipefail
prefix=${1:?a folder} here=$(cd "$(dirname "$0")" && pwd)
version() { emacs --version 2> /dev/null | sed -n '1s/[^0-9]*\([0-9]*\).*/\1/p'; }
if [ "$(version || echo 0)" -lt 30 ]; then
  bash "$here/apt.sh"
  from=()
  if [ "$(apt-cache policy emacs-nox | sed -n 's/.*Candidate: [0-9]*:*\([0-9]*\).*/\1/p')" -lt 30 ]; then
    . /etc/os-release
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | sort -u | head -1)
    line="deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $VERSION_CODENAME-backports main"
    echo "$line" | $([ "$(id -u)" = 0 ] || echo sudo) tee /etc/apt/sources.list.d/autoresearch-backports.list > /dev/null
    from=(-t "$VERSION_CODENAME-backports")
  fi
  bash "$here/apt.sh" "${from[@]}" emacs-nox emacs-el
fi
mkdir -p "$prefix/bin"
ln -sf "$(command -v emacs)" "$prefix/bin/emacs"
"$prefix/bin/emacs" --version | head -1
