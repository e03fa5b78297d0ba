// Bundles the extension, its language client and the Results page into dist/. `node esbuild.mjs --dev` keeps names and maps.
import { build } from "esbuild";

const dev = process.argv.includes("--dev");
const common = {
  bundle: true,
  minify: !dev,
  sourcemap: dev,
  logLevel: "warning",
  legalComments: "none",
  outdir: "dist",
};
// The client is loaded when it is needed: it is nine tenths of the code, and a window that opens does not wait for it.
const node = { platform: "node", target: "node20", supported: { "dynamic-import": false } };
await build({ ...common, ...node, entryPoints: ["src/extension.ts"], external: ["vscode", "./language.js"] });
await build({ ...common, ...node, entryPoints: ["src/language.ts"], external: ["vscode"] });
await build({
  ...common,
  entryPoints: ["src/webview/results.ts"],
  platform: "browser",
  target: "es2022",
  format: "iife",
});
await build({ ...common, entryPoints: ["src/webview/results.css"] });
