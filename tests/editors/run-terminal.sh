#!/bin/bash
# run-terminal.sh [EDITOR...]: the plugin and the pages for Neovim, Helix and Emacs, proven in the real editors.
# All of nvim-0.10 nvim-0.11 nvim-0.12 helix emacs by default. What is missing is installed; what cannot be, fails.
#   AUTORESEARCH_CMD            the server's command, by default .venv/bin/autoresearch of this checkout
#   AUTORESEARCH_EDITORS_CACHE  where editors are kept, by default ~/.cache/autoresearch-editors
#   AUTORESEARCH_CAPTURES       a folder for the screens of the journeys
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export AUTORESEARCH_ROOT=${here%/tests/editors}
export AUTORESEARCH_CMD=${AUTORESEARCH_CMD:-$AUTORESEARCH_ROOT/.venv/bin/autoresearch}
export AUTORESEARCH_EDITORS_CACHE=${AUTORESEARCH_EDITORS_CACHE:-$HOME/.cache/autoresearch-editors}
[ $# -gt 0 ] || set -- nvim-0.10 nvim-0.11 nvim-0.12 helix emacs
[ -x "$AUTORESEARCH_CMD" ] || { echo "$AUTORESEARCH_CMD: not there; 'make .venv/test' makes it, or set AUTORESEARCH_CMD"; exit 1; }
bash "$here/install/terminal.sh" "$@"
bash "$here/install/stylua.sh"
luacheck --quiet --no-color --std luajit --globals vim --max-line-length 120 \
  "$AUTORESEARCH_ROOT/editors/neovim" "$here/neovim"

# Run a command with a fresh campaign and a home of its own; nothing is left behind.
with_campaign() {
  local home rc=0
  home=$(mktemp -d)
  python3 -P "$here/campaign.py" "$home/night" "$1"
  shift
  (
    export CAMPAIGN=$home/night HOME=$home LANG=C.UTF-8 XDG_CONFIG_HOME=$home/config XDG_DATA_HOME=$home/data
    export XDG_STATE_HOME=$home/state XDG_CACHE_HOME=$home/cache
    cd "$home" && timeout 600 "$@"
  ) || rc=$?
  "$AUTORESEARCH_CMD" -C "$home/night" stop --now > /dev/null 2>&1 || true
  rm -rf "$home" 2> /dev/null || true
  return $rc
}

# Drive a journey; one that fails is printed whole.
drive() {
  "$@" > "$log" 2>&1 || { cat "$log"; exit 1; }
}

for editor in "$@"; do
  cache=$AUTORESEARCH_EDITORS_CACHE/$editor
  log=$(mktemp)
  echo "== $editor"
  case $editor in
  nvim-*)
    with_campaign 0.05 "$cache/bin/nvim" --headless -i NONE -u "$here/neovim/init.lua" \
      -c "luafile $here/neovim/headless.lua" > "$log" 2>&1 || { cat "$log"; exit 1; }
    tail -1 "$log"
    drive python3 -P "$here/neovim/journey.py" "$cache/bin/nvim" ;;
  helix) drive python3 -P "$here/helix/journey.py" "$cache/bin/hx" ;;
  emacs) drive with_campaign 0.3 "$cache/bin/emacs" -Q --batch -l "$here/emacs/journey.el" ;;
  esac
  grep -h "the journey holds" "$log"
  rm -f "$log"
done
