#!/bin/bash
# terminal.sh EDITOR...: install what is not in the cache yet; EDITOR is nvim-0.10, nvim-0.11, nvim-0.12, helix or emacs.
# From Debian's packages and PyPI only. The cache is outside the repository: $AUTORESEARCH_EDITORS_CACHE.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${AUTORESEARCH_EDITORS_CACHE:-$HOME/.cache/autoresearch-editors}
mkdir -p "$cache"
exec 9> "$cache/install.lock"
flock 9 # two runs at once install once
need=()
for program in tmux patchelf git luacheck; do
  command -v "$program" > /dev/null || need+=("${program/luacheck/lua-check}")
done
[ ${#need[@]} = 0 ] || bash "$here/apt.sh" "${need[@]}"
for editor in "$@"; do
  case $editor in
  nvim-*) program=$cache/$editor/bin/nvim install=(neovim.sh "${editor#nvim-}") ;;
  helix) program=$cache/helix/bin/hx install=(helix.sh) ;;
  emacs) program=$cache/emacs/bin/emacs install=(emacs.sh) ;;
  *) echo "unknown editor $editor: nvim-0.10, nvim-0.11, nvim-0.12, helix or emacs" >&2; exit 2 ;;
  esac
  "$program" --version > /dev/null 2>&1 || nice -n 10 bash "$here/${install[0]}" "${install[@]:1}" "$cache/$editor"
  "$program" --version > /dev/null || { echo "$editor: installed, but $program does not run" >&2; exit 1; }
done
