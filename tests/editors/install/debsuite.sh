#!/bin/bash
# debsuite.sh SUITE PREFIX PACKAGE...
# Puts PACKAGEs of another Debian SUITE, with every library they need (libc
# included), under PREFIX, without touching the system's own apt or dpkg state.
# The mirror is the one that this machine's apt already uses. Root not needed,
# except for PREFIX. Needs: apt, dpkg-deb, patchelf (for the ELF programs).
set -euo pipefail
suite=$1 prefix=$2; shift 2
state=$(mktemp -d); trap 'rm -rf "$state"' EXIT
mkdir -p "$state"/{lists/partial,cache/archives/partial,etc,log} "$prefix"
mirror() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | sort -u | head -1; }
mirror=$(mirror); [ -n "$mirror" ] || { apt-get update -qq; mirror=$(mirror); }   # a new machine has no lists yet
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] $mirror $suite main" > "$state/etc/sources.list"
: > "$state/status"                       # an empty dpkg database: take every dependency
opts=(-qq -o Dir::Etc::sourcelist="$state/etc/sources.list" -o Dir::Etc::sourceparts=/dev/null
      -o Dir::Etc::preferencesparts=/dev/null -o Dir::State::lists="$state/lists"
      -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache"
      -o Dir::Cache::archives="$state/cache/archives" -o APT::Sandbox::User=root
      -o APT::Keep-Downloaded-Packages=true -o Acquire::Retries=3)
apt-get "${opts[@]}" update
apt-get "${opts[@]}" --no-install-recommends --download-only -y install "$@"
for deb in "$state"/cache/archives/*.deb; do dpkg-deb -x "$deb" "$prefix"; done
ls "$state/cache/archives" | grep '\.deb$' | sed 's/%3a/:/' > "$prefix/PACKAGES"
