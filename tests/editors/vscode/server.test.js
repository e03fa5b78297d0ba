// Where the server is found, in which order; what is said where it is not; log, trace, debug information.
const assert = require("node:assert"),
  fs = require("node:fs"),
  os = require("node:os"),
  path = require("node:path");
const { execFileSync } = require("node:child_process");
const { AUTORESEARCH, PYTHON, autoresearch, campaign } = require("./campaigns.js");
const { drive } = require("./editor.js");
const { SEEN, WAIT, plain, say, sleep, until } = require("./waiting.js");

const tmp = fs.mkdtempSync(path.join(os.tmpdir(), "ar-server-"));
const bin = path.join(tmp, "bin");
fs.mkdirSync(bin);

/** Make a stand-in for the Python extension that names an interpreter, as its public interface does. */
function pythonExtension() {
  const folder = path.join(tmp, "python", "extension"),
    vsix = path.join(tmp, "python.vsix");
  fs.mkdirSync(folder, { recursive: true });
  const manifest = {
    name: "python",
    publisher: "ms-python",
    version: "1.0.0",
    engines: { vscode: "^1.91.0" },
    main: "./main.js",
    activationEvents: [],
  };
  fs.writeFileSync(path.join(folder, "package.json"), JSON.stringify(manifest));
  const api = `{ environments: { getActiveEnvironmentPath: () => ({ path: ${JSON.stringify(PYTHON)} }) } }`;
  fs.writeFileSync(path.join(folder, "main.js"), `exports.activate = () => (${api});`);
  execFileSync("python3", ["-m", "zipfile", "-c", vsix, folder], { cwd: path.join(tmp, "python") });
  return vsix;
}

/** Put a command into a folder that runs the one under test. */
function link(folder) {
  fs.mkdirSync(folder, { recursive: true });
  fs.symlinkSync(AUTORESEARCH, path.join(folder, "autoresearch"));
}

/** Wait until the last server that was started is such a one. */
function found(editor, what) {
  const started = () =>
    editor
      .logs()
      .split("\n")
      .findLast((line) => line.includes(" lsp (from "));
  return until(`a server: ${what}`, () => started()?.trimEnd().endsWith(what));
}

async function order(editor, folder) {
  const from = (place) => found(editor, `(from ${place})`);
  const lens = () => editor.lens("Start campaign").waitFor({ timeout: WAIT });
  await from("Python extension");
  await lens();
  link(bin);
  await editor.run("AutoResearch: Restart the Server");
  await from("PATH");
  link(path.join(folder, ".venv", "bin"));
  await editor.run("AutoResearch: Restart the Server");
  await from(".venv");
  editor.settings("Machine", { "autoresearch.server.path": "${workspaceFolder}/.venv/bin/autoresearch" });
  await from("setting");
  await lens();
  say("found: Python extension, PATH, .venv, setting");
}

/** A lens has its command though the text lost the focus whenever the editor wanted to ask for lenses. */
async function alive(editor) {
  const { page } = editor;
  await page.locator(".tab", { hasText: "program.md" }).first().click();
  await editor.run("AutoResearch: Restart the Server");
  for (const end = Date.now() + 6000; Date.now() < end;) {
    for (const key of ["Control+1", "Control+Shift+E"]) {
      await page.keyboard.press(key);
      await sleep(60);
    }
  }
  await page.locator(".codelens-decoration", { hasText: "Start campaign" }).waitFor({ timeout: WAIT });
  await editor.lens("Start campaign").waitFor({ timeout: SEEN });
  say("a lens keeps its command whatever has the focus");
}

/** A lens that comes back into sight has its command at once, however often the editor asked for lenses meanwhile. */
async function unseen(editor) {
  const { page } = editor;
  const lens = editor.lens("Start campaign"),
    dialog = page.locator(".monaco-dialog-box");
  await page.locator(".monaco-editor .view-line", { hasText: "---" }).first().click();
  await page.keyboard.press("Control+End");
  await until("no lens", async () => !(await lens.isVisible()));
  await sleep(6000); // the extension asks every two
  await page.keyboard.press("Control+Home");
  await editor.press("the question", lens, () => dialog.isVisible());
  await page.keyboard.press("Escape");
  await until("no question", async () => !(await dialog.isVisible()));
  say("a lens keeps its command while it is out of sight");
}

async function talk(editor) {
  const { page } = editor;
  await editor.run("AutoResearch: Show Log");
  await page.locator(".output-view .view-line", { hasText: "lsp (from " }).first().waitFor({ timeout: WAIT });
  editor.settings("Machine", { "autoresearch.server.path": AUTORESEARCH, "autoresearch.trace.server": "verbose" });
  await editor.run("Developer: Set Log Level...");
  for (const choice of ["AutoResearch", "Trace"]) {
    await until(choice, () =>
      editor.choose(choice).then(
        () => true,
        () => false,
      ),
    );
  }
  await editor.run("AutoResearch: Restart the Server");
  await until("a trace", () => /Received notification 'autoresearch\/status/.test(editor.logs()));
  // The settings and the command restarted it, one after the other: until the second time is over there is no version.
  const [copied, facts] = await until("the debug information of a server that runs", async () => {
    await page.evaluate(() => navigator.clipboard.writeText(""));
    await editor.run("AutoResearch: Copy Debug Information");
    const text = await until("the clipboard", () => page.evaluate(() => navigator.clipboard.readText()));
    const all = JSON.parse(text.replaceAll("```json", "").replaceAll("```", ""));
    return all.server !== "not running" && all.campaigns.length && [text, all];
  });
  await page
    .locator(".notification-list-item-message", { hasText: "debug information is in the clipboard" })
    .first()
    .waitFor({ timeout: WAIT });
  assert.equal(facts.found, "setting");
  assert.match(facts.server, /^\d+\.\d+/);
  assert.equal(facts.campaigns[0].state, "none");
  assert.equal(copied.includes(os.tmpdir()) || copied.includes(os.homedir()), false, `a path in ${copied}`);
  say("log, trace, debug information");
  await editor.run("Notifications: Clear All Notifications");
}

async function missing(editor) {
  const { page } = editor;
  editor.settings("Machine", {
    "autoresearch.server.path": path.join(tmp, "nowhere"),
    "autoresearch.server.installCommand": "echo typed-not-run",
  });
  const toast = page.locator(".notification-toast", { hasText: "is not a program that can be run" });
  await toast.waitFor({ timeout: WAIT });
  assert.equal(await page.locator(".notification-toast").count(), 1, "one notification");
  await editor.run("AutoResearch: Show Experiments");
  await page
    .locator(".welcome-view-content", { hasText: "autoresearch command was not found" })
    .waitFor({ timeout: WAIT });
  await page.locator('.statusbar-item[aria-label*="AutoResearch"]').first().waitFor({ timeout: WAIT });
  await editor.shot("missing");
  await toast.getByRole("button", { name: "Install…" }).click();
  const lines = async () =>
    (await page.locator(".terminal-wrapper.active .xterm-rows > div").allInnerTexts()).map(plain);
  await until("a prompt with the install command", async () =>
    (await lines()).some((line) => /[#$>] echo typed-not-run/.test(line)),
  );
  assert.ok(!(await lines()).some((line) => line.trim() === "typed-not-run"), "it is typed, not run");
  await editor.shot("install");
  editor.settings("Machine", { "autoresearch.server.path": AUTORESEARCH });
  await page
    .locator(".welcome-view-content", { hasText: "No campaign has been started here" })
    .waitFor({ timeout: WAIT });
  say("missing: said once, the install command typed, found again");
}

/** The lenses follow a campaign that changes all the time: no news puts off or cuts short a look for ever. */
async function hasty(editor, folder) {
  await editor.openFile("program.md");
  await editor.lens("Start campaign").waitFor({ timeout: WAIT });
  autoresearch(folder, "start");
  await editor.lens("Pause").waitFor({ timeout: SEEN });
  say("lenses follow a campaign that changes all the time");
}

drive(
  "server",
  async (editor) => {
    editor.after.push(() => fs.rmSync(tmp, { recursive: true, force: true }));
    const folder = campaign(editor, 0.01);
    fs.appendFileSync(path.join(folder, "program.md"), "\nA long strategy.\n".repeat(60));
    await editor.open(folder, "program.md");
    await order(editor, folder);
    await alive(editor);
    await unseen(editor);
    await talk(editor);
    await missing(editor);
    await hasty(editor, folder);
  },
  {
    machine: { "autoresearch.server.path": "" },
    vsix: [pythonExtension()],
    PATH: `${bin}:/usr/local/bin:/usr/bin:/bin`,
  },
);
