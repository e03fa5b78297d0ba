// Renders icon.svg to icon.png, 128 pixels, with a Chromium: `node media/render.mjs` (needs playwright-core).
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { chromium } = createRequire(`${process.env.NODE_PATH ?? ""}/`)("playwright-core");
const here = new URL(".", import.meta.url);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const page = await browser.newPage({ viewport: { width: 128, height: 128 } });
await page.setContent(`<style>body{margin:0}svg{display:block}</style>${readFileSync(new URL("icon.svg", here), "utf8")}`);
await page.screenshot({ path: new URL("icon.png", here).pathname, omitBackground: true });
await browser.close();
