// Several folders in one window, several campaigns in one of them: trusted first, told apart, followed live, found again.
const assert = require("node:assert"),
  fs = require("node:fs"),
  path = require("node:path");
const { AUTORESEARCH, autoresearch, campaign, status } = require("./campaigns.js");
const { drive } = require("./editor.js");
const { WAIT, plain, say, until } = require("./waiting.js");
const { keeps } = require("./night.js");

/** Make a folder with two ended campaigns, one without any, and the workspace file of both. */
async function two(editor) {
  const night = campaign(editor, 3),
    other = campaign(editor, 1);
  const alpha = path.join(path.dirname(other), "alpha");
  fs.renameSync(other, alpha);
  const names = [];
  for (const _ of ["older", "newer"]) {
    autoresearch(night, "start", "--new");
    await until("a baseline", () => status(night).experiments >= 1);
    autoresearch(night, "stop", "--now");
    await until("its end", () => status(night).alive === false);
    names.unshift(status(night).campaign);
  }
  const workspace = path.join(path.dirname(night), "both.code-workspace");
  const folders = (...all) =>
    fs.writeFileSync(workspace, JSON.stringify({ folders: all.map((folder) => ({ path: folder })) }));
  folders(night, alpha);
  return { night, alpha, workspace, folders, newer: names[0], older: names[1] };
}

/** In restricted mode nothing of ours runs; once trusted, it does. */
async function trust(editor) {
  const { page } = editor;
  const banner = page.locator(".part.banner a", { hasText: "Manage" }),
    ours = page.locator('.activitybar [aria-label^="AutoResearch"]');
  await banner.waitFor();
  assert.equal(await ours.count(), 0, "no view in restricted mode");
  assert.doesNotMatch(editor.logs(), / lsp \(from /, "no server in restricted mode");
  const button = page.locator(".workspace-trust-editor .monaco-button", { hasText: /^Trust/ }).first();
  await editor.press("the question of trust", banner, () => button.isVisible());
  await editor.press("trust", button, () => ours.first().isVisible());
  const modal = page.locator(".monaco-modal-editor-block");
  await editor.press(
    "the file again",
    modal.locator(".codicon-close, .codicon-widget-close").first(),
    async () => !(await modal.isVisible()),
  );
  await editor.lens("Continue campaign").waitFor();
  say("restricted: nothing ran; trusted: the lens is there");
}

/** The view lists every folder, a click shows an older campaign, and Continue continues with that one. */
async function apart(editor, { night, older, newer }) {
  const { page } = editor;
  await editor.run("AutoResearch: Show Experiments");
  const row = (text) => page.locator(".pane-body .monaco-list-row", { hasText: text });
  await row(/alpha.*no campaign yet/).waitFor();
  await until("names of folders", async () => /night: /.test(await editor.barText()));
  const shows = (name) => row(new RegExp(`${name}night · stopped`)).isVisible();
  await until("the newer campaign", () => shows(newer));
  await editor.press("the older campaign", row(new RegExp(`${older}night · show`)), () => shows(older));
  await editor.shot("apart");
  const dialog = page.locator(".monaco-dialog-box");
  await editor.press("the question", editor.lens("Continue campaign"), () => dialog.isVisible());
  await editor.press(
    "the start",
    dialog.getByRole("button", { name: "Start", exact: true }),
    async () => !(await dialog.isVisible()),
  );
  await until("the older campaign to go on", () => status(night).campaign === older && status(night).alive);
  say("two folders, two campaigns: the one that was shown went on");
}

/**
 * The canvas follows each keep, on the disk too; a message names its folder and can be silenced. The campaign waits while
 * the editor is looked at: its runs take as long beside other work as alone, and a slow editor would see only its end.
 */
async function follow(editor, { night }) {
  const { page } = editor;
  const kept = keeps(night).length;
  await until("a new best", () => keeps(night).length > kept, WAIT);
  autoresearch(night, "pause");
  await until("the pause", () => status(night).state === "paused");
  // A toast hides by itself after seconds; the list of notifications has it until somebody answers.
  const told = page
    .locator(".notifications-center .notification-list-item", { hasText: "AutoResearch: night: new best" })
    .first();
  await editor.again(
    "the message",
    () => editor.run("Notifications: Show Notifications"),
    () => told.isVisible(),
  );
  const user = () => fs.readFileSync(path.join(editor.tmp, "user", "User", "settings.json"), "utf8");
  await editor.press("silence", told.getByRole("button", { name: "Don't Show Again" }), () =>
    /"autoresearch.notifications": ?"problems"/.test(user()),
  );
  await editor.run("Notifications: Clear All Notifications");
  const disk = () => fs.readFileSync(path.join(night, "train.py"), "utf8");
  const before = disk();
  await editor.openFile("train.py", "night/train.py");
  await editor.lens(/not in this file/).waitFor();
  assert.equal(disk(), before, "nothing is pulled unasked");
  editor.settings("Machine", { "autoresearch.server.path": AUTORESEARCH, "autoresearch.follow": true });
  await until("the canvas on the disk to follow", () => disk() !== before);
  const after = disk();
  autoresearch(night, "resume");
  await until("the next keep to follow", () => disk() !== after, WAIT);
  await editor.shot("follow");
  say("followed:", plain((await editor.lenses())[0] ?? ""));
}

/** A reload finds both; a folder that leaves the window leaves the view. */
async function again(editor, { night, folders }) {
  const { page } = editor;
  await page.reload();
  const row = page.locator(".pane-body .monaco-list-row", { hasText: /alpha.*no campaign yet/ });
  await until("the status bar again", async () => /night: .*#\d+/.test(await editor.barText()));
  await row.waitFor();
  folders(night);
  await until(
    "one folder",
    async () =>
      !(await row.isVisible()) && !/night: /.test(await editor.barText()) && /#\d+/.test(await editor.barText()),
  );
  say("reloaded, and one folder left");
}

async function walkthrough(editor) {
  const { page } = editor;
  await editor.run("AutoResearch: Open Walkthrough");
  const steps = page.locator(".getting-started-step");
  await until("five steps", async () => (await steps.count()) === 5);
  await page.locator(".getting-started-step code", { hasText: "pipx install" }).waitFor();
  await editor.shot("walkthrough");
}

drive(
  "folders",
  async (editor) => {
    const both = await two(editor);
    await editor.open(both.workspace, path.join(both.night, "program.md"));
    await trust(editor);
    await apart(editor, both);
    await follow(editor, both);
    await again(editor, both);
    await walkthrough(editor);
  },
  { trust: false },
);
