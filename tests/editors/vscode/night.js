// The acts of a night in real VS Code, with the mouse: start, review, reload, leave. For the stub canvas and the real one.
const assert = require("node:assert"),
  fs = require("node:fs"),
  path = require("node:path");
const { autoresearch, status } = require("./campaigns.js");
const { WAIT, plain, say, until } = require("./waiting.js");

const LONG = 300_000; // for what a campaign has to train for
const history = (folder) => JSON.parse(autoresearch(folder, "results", "--json"));
const keeps = (folder) => history(folder).filter((e) => e.verdict === "keep" && e.experiment > 0);
const accepts = (editor) => editor.page.locator(".codelens-decoration a").getByText("Accept", { exact: true }).count();

/** Click the lens, read the exact command, start; see status bar, lenses and tree move. */
async function begin(editor, folder) {
  const { page } = editor;
  await editor.lens("Start campaign").waitFor({ timeout: WAIT });
  await editor.run("AutoResearch: Show Experiments");
  await editor.unlisted();
  await page
    .locator(".welcome-view-content", { hasText: "No campaign has been started here" })
    .waitFor({ timeout: WAIT });
  await until("the status bar item", async () => /AutoResearch/.test(await editor.barText()));
  await editor.shot("before");
  assert.ok(!fs.existsSync(path.join(folder, ".git", "autoresearch", "journal.db")), "opening a folder runs nothing");

  const dialog = page.locator(".monaco-dialog-box");
  await editor.press("the question before the first start", editor.lens("Start campaign"), () => dialog.isVisible());
  assert.match(plain(await dialog.innerText()), /\n {4}python train\.py\n/, "the first start shows the exact command");
  await editor.shot("start");
  await dialog.getByRole("button", { name: "Start", exact: true }).click();

  await editor.lens("Pause").waitFor({ timeout: WAIT });
  await until("a running status bar item", async () => /baseline|#\d+/.test(await editor.barText()));
  const first = await editor.barText();
  await until("the status bar to move", async () => (await editor.barText()) !== first);
  await until("the lens to move", async () => /·/.test((await editor.lenses())[0] ?? ""));
  await until("the tree to grow", async () => (await editor.rows().count()) >= 3, LONG);
  await editor.shot("running");
  say("status bar:", first, "→", await editor.barText());
}

/** Pull into the open canvas, see hunks, hints and marks; accept one hunk and revert another; see the revert measured. */
async function review(editor, folder) {
  const { page } = editor;
  await editor.openFile("train.py");
  await editor.lens("kept patch").first().waitFor({ timeout: WAIT });
  say("canvas lens:", (await editor.lenses())[0]);
  await editor.shot("behind");
  await editor.press("hunks to review", editor.lens("Pull").first(), async () => (await accepts(editor)) > 1);
  await until("a hint", async () => /#\d+ −\d\.\d+/.test(await editor.text()));
  await page.locator(".monaco-editor .cgmr").first().waitFor({ timeout: WAIT });
  await until("the badge", () => page.locator(".activitybar .badge-content", { hasText: /\d/ }).count());
  await editor.run("Notifications: Clear All Notifications");
  await editor.shot("pulled");

  const before = await accepts(editor);
  const text = fs.readFileSync(path.join(folder, "train.py"), "utf8");
  await editor.press(
    "one hunk fewer",
    editor.lens(/^Accept$/).first(),
    async () => (await accepts(editor)) === before - 1,
  );
  assert.equal(fs.readFileSync(path.join(folder, "train.py"), "utf8"), text, "accept touches no text");
  say("accepted with the mouse:", before, "hunks →", await accepts(editor));

  let human = await revert(editor, folder);
  if (human.score === null) {
    // while it waited a newer keep changed the same lines: the loop says so, and it is asked again
    say("not measured:", human.explanation);
    if (!(await accepts(editor))) {
      await until("a keep to pull", async () => /not in this file/.test((await editor.lenses())[0] ?? ""), LONG);
      await editor.press("something to review", editor.lens("Pull").first(), () => accepts(editor));
    }
    human = await revert(editor, folder);
  }
  assert.notEqual(human.score, null, human.explanation);
  say(
    "reverted with the mouse, and measured:",
    `#${human.experiment} ${human.hypothesis} ${human.score} (${human.verdict})`,
  );
  await until("it in the tree", async () =>
    (await editor.rows().allInnerTexts()).some((t) => new RegExp(`#${human.experiment}\\b`).test(plain(t))),
  );
  await editor.shot("reverted");
}

/** Revert the last hunk in sight with the mouse; return what the loop made of it. */
async function revert(editor, folder) {
  const humans = () => history(folder).filter((e) => e.author === "human" && e.experiment > 0);
  const [known, before, shown] = [humans().length, await accepts(editor), await editor.text()];
  await editor.run("AutoResearch: Next Hunk to Review"); // it may be out of sight
  const last = editor
    .lens(/^Revert$/)
    .filter({ visible: true })
    .last();
  await editor.press(
    "the old lines",
    last,
    async () => (await editor.text()) !== shown && (await accepts(editor)) === before - 1,
  );
  return until(
    "the cost of the revert",
    () =>
      humans()
        .slice(known)
        .find((e) => e.verdict),
    LONG,
  );
}

/** Open the results, reload the window mid-run, find everything. */
async function reload(editor, folder) {
  const { page } = editor;
  const marks = status(folder).experiments + 1;
  await editor.run("AutoResearch: Show Results");
  await editor
    .results()
    .locator("svg .mark")
    .nth(marks - 1)
    .waitFor({ timeout: WAIT });
  await editor.shot("results");
  await editor.remembered(/mainThreadWebview-autoresearch\.results/);
  assert.equal(status(folder).state, "running");
  await page.reload();
  await until("the status bar again", async () => /#\d+/.test(await editor.barText()));
  await until("the tree again", async () => (await editor.rows().count()) >= marks);
  await editor
    .results()
    .locator("svg .mark")
    .nth(marks - 1)
    .waitFor({ timeout: WAIT });
  await page.locator(".tab", { hasText: "train.py" }).first().click();
  await page.keyboard.press("Control+Home"); // the cursor was at a hunk, where nothing need have a hint any more
  await editor.lens("best ").first().waitFor({ timeout: WAIT });
  await until("the hint again", async () => /#\d+ [−+]\d\.\d+/.test(await editor.text()));
  await editor.shot("reloaded");
  say("reloaded mid-run:", await editor.barText());
}

/** Close the browser; the campaign continues. */
async function leave(editor, folder, more) {
  await editor.close();
  const left = status(folder).experiments;
  await until("experiments without a window", () => status(folder).experiments >= left + more, LONG);
  say("the browser is closed; experiments went from", left, "to", status(folder).experiments);
}

module.exports = { LONG, accepts, begin, keeps, leave, reload, review };
