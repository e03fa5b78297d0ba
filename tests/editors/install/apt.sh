#!/bin/bash
# apt.sh [-t SUITE] PACKAGE...: installs Debian packages, as root or by sudo. A mirror that stumbles is asked again, and
# another apt that is at work is waited for. Without packages it only fetches the lists.
set -euo pipefail
sudo=$([ "$(id -u)" = 0 ] || echo sudo)
apt=($sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=600)
"${apt[@]}" update
[ $# = 0 ] || "${apt[@]}" install -y --no-install-recommends "$@" > /dev/null
