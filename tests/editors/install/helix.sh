#!/bin/bash
# helix.sh PREFIX: Helix of Debian's forky suite, with its own libraries. Result: PREFIX/bin/hx
set -euo pipefail
prefix=${1:?a folder}; here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$prefix/root"; mkdir -p "$prefix/bin"
bash "$here/debsuite.sh" forky "$prefix/root" hx
bash "$here/relink.sh" "$prefix/root" "$prefix/root/usr/lib/hx/hx"
printf '#!/bin/sh\nHELIX_RUNTIME=%s exec %s "$@"\n' "$prefix/root/usr/lib/hx/runtime" "$prefix/root/usr/lib/hx/hx" > "$prefix/bin/hx"
chmod +x "$prefix/bin/hx"
"$prefix/bin/hx" --version
