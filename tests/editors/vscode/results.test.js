// The Results page in real VS Code and report.html in Chromium: plot, hover, click, sort, live, restored, themes, a strict policy.
const assert = require("node:assert"),
  path = require("node:path");
const { autoresearch, ledger } = require("./campaigns.js");
const { SHOTS } = require("./codeserver.js");
const { drive, launch } = require("./editor.js");
const { WAIT, plain, say, until } = require("./waiting.js");

const COUNT = 40;
const texts = async (locator) => (await locator.allInnerTexts()).map(plain);

async function resultsPage(editor) {
  const { folder, grow } = await ledger(editor, COUNT);
  await editor.open(folder, "program.md");
  await editor.lens("Results").waitFor({ timeout: WAIT });
  const { page } = editor;
  await editor.press("the results", editor.lens("Results"), () =>
    page.locator(".tab", { hasText: "AutoResearch Results" }).isVisible(),
  );
  const inside = editor.results();
  const marks = inside.locator("svg .mark");
  const shows = (count) => until(`${count} marks`, async () => (await marks.count()) === count);
  await shows(COUNT + 1);
  for (const kind of ["keep", "noise", "worse", "crash", "baseline"]) {
    assert.ok((await inside.locator(`svg .mark.${kind}`).count()) > 0, `no mark of kind ${kind}`);
    assert.ok((await inside.locator(`.legend .${kind}`).count()) === 1, `no legend for ${kind}`);
  }
  assert.match(
    await inside.locator("path.best").getAttribute("d"),
    /^M[\d.]+ [\d.]+H[\d.]+V/,
    "the best is a step line",
  );
  say("plot:", await marks.count(), "marks;", plain(await inside.locator("h1").innerText()));

  const tip = inside.locator("#tip");
  await editor.again(
    "the tip",
    async () => {
      await inside.locator("h1").hover();
      await marks.nth(3).hover();
    },
    () => tip.isVisible(),
  );
  assert.match(plain(await tip.innerText()), /^#3 <img src=x .*KNOB_21/, "a hypothesis is text, whatever it says");
  assert.equal(await inside.locator("img").count(), 0);
  await editor.shot("hover");

  await editor.press("the diff of #5", marks.nth(5), () =>
    page.locator(".tab.active", { hasText: "#5 0.9960" }).isVisible(),
  );
  await page
    .locator(".monaco-diff-editor .char-insert, .monaco-diff-editor .line-insert")
    .first()
    .waitFor({ timeout: WAIT });
  say("a click on a mark opens its diff");
  await page.locator(".tab", { hasText: "AutoResearch Results" }).click();
  await shows(COUNT + 1);
  assert.equal(
    await inside.locator("tr.on").first().getAttribute("data-n"),
    "5",
    "the picked experiment is still picked",
  );

  await inside.locator("th button", { hasText: "score" }).click();
  const column = async (n) => texts(inside.locator(`tbody td:nth-child(${n})`));
  const scores = (await column(2)).map(parseFloat);
  const known = scores.filter((s) => !Number.isNaN(s));
  assert.deepEqual(
    known,
    [...known].sort((a, b) => b - a),
    "sorted by score, down",
  );
  assert.ok(Number.isNaN(scores.at(-1)), "what has no score is last");
  await inside.locator("th button", { hasText: "score" }).click();
  assert.equal((await column(1))[0], "#40", "sorted up, the best is first");
  assert.equal(await inside.locator("th").nth(1).getAttribute("aria-sort"), "ascending");

  grow();
  await shows(COUNT + 2);
  assert.equal((await column(1))[0], "#41", "a new best is the first row, in the order that was chosen");
  say("live: a kept experiment appeared by itself");

  await editor.remembered(/autoresearch\.results.*column\\*":1,\\*"up\\*":true,\\*"picked\\*":5/);
  await page.reload();
  await shows(COUNT + 2);
  assert.equal(await inside.locator("th").nth(1).getAttribute("aria-sort"), "ascending", "the order survives a reload");
  assert.equal(await inside.locator("tr.on").first().getAttribute("data-n"), "5");
  await editor.shot("dark");

  const look = (selector, property) =>
    inside
      .locator(selector)
      .first()
      .evaluate((e, p) => getComputedStyle(e)[p], property);
  const variable = (name) =>
    inside.locator("html").evaluate((e, n) => getComputedStyle(e).getPropertyValue(n).trim(), name);
  const dark = [await look("body", "backgroundColor"), await look(".mark.keep", "fill")];
  for (const name of ["--vscode-editor-background", "--vscode-autoresearch-keep", "--vscode-autoresearch-worse"]) {
    assert.match(await variable(name), /^#/, name);
  }
  await page.emulateMedia({ colorScheme: "light" });
  await until("a light page", async () => (await look("body", "backgroundColor")) !== dark[0]);
  assert.notEqual(await look(".mark.keep", "fill"), dark[1], "the marks follow the theme");
  await editor.shot("light");

  const policy = await inside.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute("content");
  assert.match(policy, /^default-src 'none'; style-src (?!.*unsafe)[^;]+; script-src 'nonce-[0-9a-f]{32}'$/);
  const ours = editor.problems.filter((p) => /Content Security Policy|webview|autoresearch/i.test(p));
  assert.deepEqual(ours, [], "console errors");
  return folder;
}

async function reportPage(folder) {
  autoresearch(folder, "report");
  const browser = await launch();
  try {
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
    const problems = [],
      asked = [];
    page.on("console", (m) => m.type() === "error" && problems.push(m.text()));
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("request", (request) => asked.push(request.url()));
    await page.goto(`file://${path.join(folder, "report.html")}`);
    const marks = page.locator("svg .mark");
    assert.equal(await marks.count(), COUNT + 2);
    await marks.nth(3).hover();
    await page.locator("#tip").waitFor({ state: "visible", timeout: WAIT });
    assert.match(await page.locator("#tip").innerText(), /^#3 <img src=x .*KNOB_21/);
    await marks.nth(5).click();
    assert.equal(await page.locator("tr.on").getAttribute("id"), "e5");
    assert.equal(await page.locator("#p5").getAttribute("open"), "", "its patch is open");
    await page.screenshot({ path: path.join(SHOTS, "report.png") });
    await page.locator("th button", { hasText: "score" }).click();
    assert.equal(await page.locator("#all tbody tr").first().getAttribute("id"), "e41");
    assert.deepEqual(problems, [], "console errors");
    assert.equal(asked.length, 1, `asks for nothing but itself: ${asked}`);
    say("report.html: drawn, hovered, clicked, sorted");
  } finally {
    await browser.close();
  }
}

drive("results", async (editor) => reportPage(await resultsPage(editor)));
