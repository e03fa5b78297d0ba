// A night in real VS Code, with the mouse: start, watch, pull, accept, revert, reload, close the window and go on.
const assert = require("node:assert"), fs = require("node:fs"), path = require("node:path");
const { WAIT, autoresearch, campaign, drive, plain, say, status, until } = require("./editor.js");

const history = (folder) => JSON.parse(autoresearch(folder, "results", "--json"));

async function journey(editor, folder) {
  await editor.open(folder, "program.md");
  const { page } = editor;
  await editor.lens("Start campaign").waitFor({ timeout: WAIT });
  await editor.run("AutoResearch: Show Experiments");
  const welcome = page.locator(".welcome-view-content", { hasText: "No campaign has been started here" });
  await welcome.waitFor({ timeout: WAIT });
  assert.match(await editor.barText(), /AutoResearch/);
  await editor.shot("01-before");
  assert.ok(!fs.existsSync(path.join(folder, ".git", "autoresearch", "journal.db")), "opening a folder runs nothing");

  await editor.lens("Start campaign").click();
  const dialog = page.locator(".monaco-dialog-box");
  await dialog.waitFor({ timeout: WAIT });
  const asked = plain(await dialog.innerText());
  assert.match(asked, /python train\.py/, "the first start shows the exact command");
  say("asked before the first start:", JSON.stringify(asked.slice(0, 160)));
  await editor.shot("02-start");
  await dialog.getByRole("button", { name: "Start", exact: true }).click();

  await editor.lens("Pause").waitFor({ timeout: WAIT });
  await until("a running status bar item", async () => /baseline|#\d+/.test(await editor.barText()));
  say("status bar:", await editor.barText());
  const first = await editor.barText();
  await until("the status bar to move", async () => (await editor.barText()) !== first);
  await until("the tree to grow", async () => (await editor.rows().count()) >= 4);
  say("tree:", JSON.stringify((await editor.rows().allInnerTexts()).map((t) => plain(t).replace(/\s+/g, " ")).slice(0, 3)));
  await until("four keeps", () => history(folder).filter((e) => e.verdict === "keep").length >= 5);
  await editor.shot("03-running");
  const toast = page.locator(".notification-toast");
  assert.ok((await toast.count()) <= 1, "messages do not pile up");
  await editor.run("Notifications: Clear All Notifications");

  await editor.openFile("train.py");
  await editor.lens("kept patch").first().waitFor({ timeout: WAIT });
  say("canvas lens:", (await editor.lenses())[0]);
  await editor.shot("04-behind");
  await editor.lens("Pull").first().click();
  await editor.lens("Accept").nth(1).waitFor({ timeout: WAIT });
  await until("a hint", async () => /#\d+ −0\.\d+/.test(await editor.text()));
  await page.locator(".monaco-editor .cgmr").first().waitFor({ timeout: WAIT });
  await until("the badge", () => page.locator(".activitybar .badge-content", { hasText: /\d/ }).count());
  await editor.shot("05-pulled");

  await page.locator(".view-line span span", { hasText: "BATCH" }).first().hover();
  await page.locator(".monaco-hover", { hasText: /Hunk \d+ of \d+/ }).first().waitFor({ timeout: WAIT });
  say("hover:", JSON.stringify(plain(await page.locator(".monaco-hover", { hasText: /Hunk/ }).first().innerText()).slice(0, 120)));
  await editor.shot("06-hover");
  await page.keyboard.press("Escape");
  await page.mouse.move(900, 700);

  const accepts = () => page.locator(".codelens-decoration a").getByText("Accept", { exact: true }).count();
  const before = await accepts();
  const text = fs.readFileSync(path.join(folder, "train.py"), "utf8");
  await editor.lens(/^Accept$/).first().click();
  await until("one hunk fewer", async () => (await accepts()) === before - 1);
  say("accepted with the mouse:", before, "hunks →", await accepts());
  assert.equal(fs.readFileSync(path.join(folder, "train.py"), "utf8"), text, "accept touches no text");

  const shown = await editor.text();
  await editor.lens(/^Revert$/).first().click();
  await until("the old lines", async () => (await editor.text()) !== shown && (await accepts()) === before - 2);
  const human = await until("the price of the revert", () => history(folder).find((e) => e.author === "human" && e.experiment > 0 && e.verdict), 2 * WAIT);
  say("reverted with the mouse, and measured:", `#${human.experiment} ${human.hypothesis} ${human.score} (${human.verdict})`);
  await until("it in the tree", async () => (await editor.rows().allInnerTexts()).some((t) => plain(t).includes(`#${human.experiment} `)));
  await editor.shot("07-reverted");

  await until("kept patches to pull", async () => /not in this file/.test((await editor.lenses())[0] ?? ""), 2 * WAIT);
  await editor.run("AutoResearch: Pull the Incumbent into the Canvas");
  await until("hunks", async () => (await accepts()) > 0);
  await page.locator(".editor-actions .codicon-arrow-down").first().click();
  await page.locator(".statusbar-item", { hasText: /hunk \d+ of \d+/ }).first().waitFor({ timeout: WAIT });
  say("next:", plain(await page.locator(".statusbar-item", { hasText: /hunk \d+ of \d+/ }).first().innerText()));

  const row = editor.rows().filter({ hasText: /−0\.\d+/ }).first();
  await row.hover();
  await row.locator(".action-label.codicon-diff").click();
  await page.locator(".monaco-diff-editor .line-insert, .monaco-diff-editor .char-insert").first().waitFor({ timeout: WAIT });
  await editor.shot("08-diff");
  await editor.run("AutoResearch: Compare Accepted with Incumbent");
  await page.locator(".tab.active", { hasText: "accepted ↔ incumbent" }).waitFor({ timeout: WAIT });

  await editor.run("AutoResearch: Show Results");
  await editor.results().locator("svg .mark").nth(5).waitFor({ timeout: WAIT });
  await editor.remembered(/mainThreadWebview-autoresearch\.results/);
  const judged = status(folder).experiments;
  await page.reload();
  say("window reloaded at experiment", judged);
  await until("the status bar again", async () => /#\d+/.test(await editor.barText()));
  await until("the tree again", async () => (await editor.rows().count()) >= 4);
  await editor.results().locator("svg .mark").nth(5).waitFor({ timeout: WAIT });
  await page.locator(".tab", { hasText: "train.py" }).first().click();
  await editor.lens("best ").first().waitFor({ timeout: WAIT });
  await editor.shot("09-reloaded");

  await editor.close();
  const left = status(folder).experiments;
  await until("experiments without a window", () => status(folder).experiments >= left + 3);
  say("the browser is closed; experiments went from", left, "to", status(folder).experiments);
}

drive("journey", (editor) => journey(editor, campaign(editor, 2.5)));
