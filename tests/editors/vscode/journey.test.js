// A night in real VS Code on the stub canvas, whose experiments last seconds: every way to look and to review.
const assert = require("node:assert");
const { autoresearch, campaign, status } = require("./campaigns.js");
const { drive } = require("./editor.js");
const { WAIT, plain, say, until } = require("./waiting.js");
const { LONG, accepts, begin, keeps, leave, reload, review } = require("./night.js");

/**
 * Hover a hunk, go to the next one, open diffs from the tree and between accepted and incumbent. The campaign waits while
 * rows are clicked: new ones move the others, and the editor gives a click to nobody whose row has moved under it.
 */
async function look(editor, folder) {
  const { page } = editor;
  await until("kept patches to pull", async () => /not in this file/.test((await editor.lenses())[0] ?? ""), LONG);
  await editor.run("AutoResearch: Pull the Incumbent into the Canvas");
  await until("hunks", async () => (await accepts(editor)) > 0);
  const place = page.locator(".statusbar-item", { hasText: /hunk \d+ of \d+/ }).first(); // for five seconds
  await editor.press("the next hunk", page.locator(".editor-actions .codicon-arrow-down").first(), () =>
    place.isVisible(),
  );
  say("next");

  await page.locator(".view-overlays .current-line").first().waitFor({ timeout: WAIT });
  const hover = page.locator(".monaco-hover", { hasText: /Hunk \d+ of \d+/ }).first();
  await editor.again(
    "the hover",
    async () => {
      await page.keyboard.press("Control+k");
      await page.keyboard.press("Control+i"); // the editor's own key for the hover at the cursor
    },
    () => hover.isVisible(),
  );
  assert.match(plain(await hover.innerText()), /Accept.*Revert.*Diff.*Next[^]*#\d+.* (replaced|took out|added)/);
  await editor.shot("hover");
  await page.keyboard.press("Escape");

  autoresearch(folder, "pause");
  await until("the pause", () => status(folder).state === "paused");
  const row = editor
    .rows()
    .filter({ hasText: /−0\.\d+/ })
    .first();
  await editor.pressIn("the diff", row, "diff", () =>
    page.locator(".monaco-diff-editor .line-insert, .monaco-diff-editor .char-insert").first().isVisible(),
  );
  await editor.shot("diff");
  await editor.run("AutoResearch: Compare Accepted with Incumbent");
  await page.locator(".tab.active", { hasText: "accepted ↔ incumbent" }).waitFor({ timeout: WAIT });
  autoresearch(folder, "resume");
}

drive("journey", async (editor) => {
  const folder = campaign(editor, 2.5);
  await editor.open(folder, "program.md");
  await begin(editor, folder);
  await until("four keeps", () => keeps(folder).length >= 4, LONG);
  assert.ok((await editor.page.locator(".notification-toast").count()) <= 1, "messages do not pile up");
  await editor.run("Notifications: Clear All Notifications");
  await review(editor, folder);
  await look(editor, folder);
  await reload(editor, folder);
  await leave(editor, folder, 3);
});
