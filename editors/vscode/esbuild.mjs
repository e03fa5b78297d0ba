// Bundles the extension and the Results page into dist/. `node esbuild.mjs --dev` keeps names and maps.
import { build } from "esbuild";

const dev = process.argv.includes("--dev");
const common = { bundle: true, minify: !dev, sourcemap: dev, logLevel: "warning", legalComments: "none" };
await build({ ...common, entryPoints: ["src/extension.ts"], outfile: "dist/extension.js", platform: "node", target: "node20", external: ["vscode"] });
await build({ ...common, entryPoints: ["src/webview/results.ts"], outfile: "dist/results.js", platform: "browser", target: "es2022", format: "iife" });
await build({ ...common, entryPoints: ["src/webview/results.css"], outfile: "dist/results.css" });
