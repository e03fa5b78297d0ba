#!/bin/bash
# stylua.sh [FILE...]: check the format of Lua files, those of editors/ and tests/editors by default; --write formats.
# StyLua comes as WebAssembly from npm, so nothing is compiled and nothing is downloaded from elsewhere.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
cache=${AUTORESEARCH_EDITORS_CACHE:-$HOME/.cache/autoresearch-editors}/stylua
version=2.5.2
command -v npm > /dev/null || bash "$root/tests/editors/install/apt.sh" nodejs npm
[ -f "$cache/$version" ] || {
  npm install --fetch-retries=5 --silent --no-save --ignore-scripts --no-audit --no-fund --prefix "$cache" "@johnnymorganz/stylua@$version"
  touch "$cache/$version"
}
cd "$root"
NODE_PATH=$cache/node_modules node - "$@" <<'JS'
const fs = require("fs");
const { execFileSync } = require("child_process");
const { formatCode, Config, OutputVerification, IndentType, QuoteStyle } = require("@johnnymorganz/stylua/stylua_lib_node.cjs");
const words = process.argv.slice(2);
const write = words.includes("--write");
let files = words.filter((w) => w !== "--write");
if (files.length === 0) {
  files = execFileSync("find", ["editors/neovim", "tests/editors", "-name", "*.lua"], { encoding: "utf8" }).trim().split("\n");
}
// As in editors/neovim/stylua.toml. A Config is used up by one call.
function config() {
  const config = Config.new();
  config.column_width = 120;
  config.indent_type = IndentType.Spaces;
  config.indent_width = 2;
  config.quote_style = QuoteStyle.AutoPreferDouble;
  return config;
}
let wrong = 0;
for (const file of files) {
  const text = fs.readFileSync(file, "utf8");
  const good = formatCode(text, config(), undefined, OutputVerification.Full);
  if (good !== text) {
    wrong += 1;
    console.log(`${write ? "formatted" : "not formatted"}: ${file}`);
    if (write) fs.writeFileSync(file, good);
  }
}
console.log(`${files.length} Lua files, ${wrong} ${write ? "formatted" : "not formatted"}`);
process.exit(wrong && !write ? 1 : 0);
JS
