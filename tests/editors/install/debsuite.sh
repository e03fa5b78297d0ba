#!/bin/bash
# debsuite.sh SUITE PREFIX PACKAGE...: puts packages of another Debian suite, with every library they need (libc included),
# under PREFIX, without touching the system's own apt or dpkg state. The mirror is the one that this machine's apt already
# uses. Needs apt, dpkg-deb and patchelf, not root.
set -euo pipefail
suite=$1 prefix=$2; shift 2
state=$(mktemp -d); trap 'rm -rf "$state"' EXIT
mkdir -p "$state"/{lists/partial,cache/archives/partial,etc,log} "$prefix"
mirror() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | sort -u | head -1; }
mirror=$(mirror)
[ -n "$mirror" ] || { bash "$(dirname "$0")/apt.sh"; mirror=$(mirror); } # a new machine has no lists yet
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] $mirror $suite main" > "$state/etc/sources.list"
: > "$state/status" # an empty dpkg database: take every dependency
apt=(apt-get -qq -o Acquire::Retries=3 -o APT::Sandbox::User=root -o APT::Keep-Downloaded-Packages=true
  -o Dir::Etc::sourcelist="$state/etc/sources.list" -o Dir::Etc::sourceparts=/dev/null
  -o Dir::Etc::preferencesparts=/dev/null -o Dir::State::lists="$state/lists" -o Dir::State::status="$state/status"
  -o Dir::Cache="$state/cache" -o Dir::Cache::archives="$state/cache/archives")
"${apt[@]}" update
"${apt[@]}" --no-install-recommends --download-only -y install "$@"
for deb in "$state"/cache/archives/*.deb; do dpkg-deb -x "$deb" "$prefix"; done
