#!/bin/bash
# run.sh [TEST ...]: builds the .vsix and drives it in real VS Code (code-server and Chromium). All tests by default.
# AUTORESEARCH_EDITORS_CACHE: where editors are installed (~/.cache/autoresearch-editors). AUTORESEARCH: the command under
# test (.venv/bin/autoresearch). AUTORESEARCH_SHOTS: where screenshots go (build/vscode).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
export AUTORESEARCH_EDITORS_CACHE=${AUTORESEARCH_EDITORS_CACHE:-$HOME/.cache/autoresearch-editors}
export AUTORESEARCH=${AUTORESEARCH:-$root/.venv/bin/autoresearch}
export AUTORESEARCH_SHOTS=${AUTORESEARCH_SHOTS:-$root/build/vscode}
[ -x "$AUTORESEARCH" ] || { echo "$AUTORESEARCH: not there; run 'make .venv/test', or set AUTORESEARCH" >&2; exit 1; }
bash "$here/install.sh" "$AUTORESEARCH_EDITORS_CACHE"
export NODE_PATH=$AUTORESEARCH_EDITORS_CACHE/playwright/node_modules
export CODE_SERVER=$AUTORESEARCH_EDITORS_CACHE/code-server-${VSCODE_SERVER_VERSION:-4.139.1}/bin/code-server
cd "$root/editors/vscode"
if [ ! -d node_modules ] || [ package-lock.json -nt node_modules ]; then
  npm ci --no-audit --no-fund --loglevel=error
  touch node_modules
fi
npm run --silent check
said=$(npm run --silent package 2>&1)
case $said in *[Ww][Aa][Rr][Nn]*) echo "vsce warns: $said" >&2; exit 1 ;; esac
export VSIX=$PWD/dist/autoresearch.vsix
mkdir -p "$AUTORESEARCH_SHOTS"
tests=("$@")
[ ${#tests[@]} -gt 0 ] || tests=(manifest server tree results folders journey real)
for test in "${tests[@]}"; do
  echo "== $test"
  script=$here/$test.test.js
  [ -f "$script" ] || script=$here/$test.js # latency.js: measures, tests nothing
  timeout --kill-after=10 2400 node "$script"
done
