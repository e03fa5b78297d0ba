// The Experiments view, the switches and the quick diff in real VS Code, on a ledger of forty experiments.
const assert = require("node:assert");
const { AUTORESEARCH, ledger } = require("./campaigns.js");
const { drive } = require("./editor.js");
const { WAIT, plain, say, until } = require("./waiting.js");

const COUNT = 40;

async function tree(editor) {
  const { page } = editor;
  await editor.run("AutoResearch: Show Experiments");
  const labels = async () => (await editor.rows().allInnerTexts()).map((t) => plain(t).replace(/\s+/g, " "));
  await until("the experiments, the newest first", async () =>
    /^#40 ?0\.9680 ?−0\.0040/.test((await labels())[0] ?? ""),
  );
  await page.locator(".activitybar .badge-content", { hasText: "8" }).waitFor({ timeout: WAIT }); // eight patches to pull

  await editor.run("AutoResearch: Filter Experiments by Verdict");
  await page.locator(".quick-input-list .monaco-list-row", { hasText: "crash" }).first().click();
  await page.keyboard.press("Enter");
  await until("only crashes", async () => (await labels()).map((t) => /#\d+/.exec(t)?.[0]).join() === "#33,#22,#11");
  await editor.shot("filtered");
  await page
    .locator(
      '.pane-header .actions-container [aria-label^="Clear the Filter"], .title-actions [aria-label^="Clear the Filter"]',
    )
    .first()
    .click();
  await until("all of them", async () => (await editor.rows().count()) > 20);
  say("tree: newest first, filtered, all again");

  const act = async (number, icon, seen) => {
    const row = editor
      .rows()
      .filter({ hasText: new RegExp(`#${number}\\b`) })
      .first();
    await editor.pressIn(`${icon} of #${number}`, row, icon, seen);
  };
  const copies = page.locator(".quick-input-list .monaco-list-row", { hasText: "Markdown row" });
  await act(38, "copy", () => copies.isVisible());
  await copies.click();
  await until("a row in the clipboard", async () =>
    /^\| #38 \| [0-9a-f]{7} \| 0\.9780/.test(await page.evaluate(() => navigator.clipboard.readText())),
  );
  await act(
    30,
    "history",
    async () =>
      (await page.locator(".tab.active", { hasText: "train.py" }).isVisible()) &&
      (await editor.text()).includes("KNOB_16 = 30"),
  );
  say("tree: copied a row, restored #30");
  const waits = async (number) => (await editor.lenses()).some((t) => t.startsWith(`#${number} `));
  await until("its hunk", () => waits(30));
  await act(
    30,
    "check",
    async () => editor.logs().includes("acceptExperiment: accepted 1 hunk of #30") && !(await waits(30)),
  );
  await act(25, "discard", () => editor.logs().includes("revertExperiment: reverted #25"));
  say("tree: accepted #30, reverted #25");
}

async function switches(editor) {
  const { page } = editor;
  const set = (all) => editor.settings("Machine", { "autoresearch.server.path": AUTORESEARCH, ...all });
  const lenses = () => page.locator(".codelens-decoration a").count();
  const hints = async () => /#\d+ −0\.0040/.test(await editor.text());
  await until("lenses and hints", async () => (await lenses()) > 0 && (await hints()));
  set({ "autoresearch.codeLens.enabled": false });
  await until("no lens, but hints", async () => (await lenses()) === 0 && (await hints()));
  set({ "autoresearch.inlayHints.enabled": false });
  await until("no hint, but lenses", async () => (await lenses()) > 0 && !(await hints()));
  set({ "autoresearch.diagnostics.pendingHunks": true });
  const problems = () => page.locator(".monaco-editor .squiggly-info").count();
  await until("a problem for each hunk", async () => (await problems()) > 0);
  set({ "autoresearch.diagnostics.enabled": false, "autoresearch.diagnostics.pendingHunks": true });
  await until("no problem", async () => (await problems()) === 0);
  await until("the rows", async () => (await editor.rows().count()) > 20); // the tree stays while the server starts again");
  say("switches: lenses, hints, diagnostics");
}

/** Peek at a change against what was accepted: the editor's own widget, with our accept and revert in its title. */
async function quickDiff(editor) {
  const { page } = editor;
  await page.locator(".view-line", { hasText: "KNOB_0" }).first().click();
  const peek = page.locator(".peekview-widget");
  await editor.again(
    "the peek",
    () => editor.run("Show Next Change"),
    () => peek.isVisible(),
  );
  await editor.shot("quick-diff");
  await editor.press("the hunk accepted", peek.locator(".action-label.codicon-check").first(), () =>
    editor.logs().includes("acceptHunk: accepted 1 hunk"),
  );
  say("quick diff: peeked and accepted");
}

/** A click on a row that is being drawn anew gives its command nothing: it is said, and no list opens over the canvas. */
async function redrawn(editor) {
  await editor.page.keyboard.press("Control+Alt+F9");
  await editor.page.locator(".notification-toast", { hasText: "this row has changed" }).waitFor({ timeout: WAIT });
  assert.equal(await editor.page.locator(".quick-input-widget").isVisible(), false);
  say("a click on a row that is gone is answered");
}

drive("tree", async (editor) => {
  const { folder } = await ledger(editor, COUNT);
  editor.keys([{ key: "ctrl+alt+f9", command: "autoresearch.acceptExperiment", args: null }]);
  await editor.open(folder, "program.md");
  await editor.lens("Results").waitFor({ timeout: WAIT });
  await tree(editor);
  await switches(editor);
  await quickDiff(editor);
  await redrawn(editor);
});
