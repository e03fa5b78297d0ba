// Drives real VS Code: the pages of a code-server in Debian's Chromium.
const { chromium } = require("playwright-core");
const path = require("node:path");
const { CodeServer, SHOTS } = require("./codeserver.js");
const { CLICK, SEEN, WAIT, plain, say, until } = require("./waiting.js");

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });

/** The workbench in a browser: what is shown there, and how it is clicked and typed into. */
class Editor extends CodeServer {
  after = []; // what is undone at the end

  /** Open a folder, or a .code-workspace, and a file in a new browser. */
  async open(folder, file, size = { width: 1400, height: 860 }) {
    this.browser = await launch();
    this.page = await this.browser.newPage({
      viewport: size,
      colorScheme: "dark",
      permissions: ["clipboard-read", "clipboard-write"],
    });
    this.page.setDefaultTimeout(WAIT);
    this.problems = [];
    this.page.on("console", (m) => m.type() === "error" && this.problems.push(`${m.location().url} ${m.text()}`));
    const kind = folder.endsWith(".code-workspace") ? "workspace" : "folder";
    const remote = `vscode-remote://127.0.0.1:${this.port}${path.isAbsolute(file) ? file : path.join(folder, file)}`;
    const payload = encodeURIComponent(JSON.stringify([["openFile", remote]]));
    await this.page.goto(`http://127.0.0.1:${this.port}/?${kind}=${encodeURIComponent(folder)}&payload=${payload}`);
    await this.page.waitForSelector(".monaco-editor .view-line", { timeout: WAIT });
    await this.page.evaluate(() => history.replaceState(null, "", location.href.replace(/&payload=.*/, ""))); // a reload opens what was open
    say("the workbench shows", file);
  }

  /** Wait until the editor has written down what matches: the web build does so every few seconds, and not at its end. */
  async remembered(pattern) {
    await until(`the editor to remember ${pattern}`, () =>
      this.page.evaluate(async (wanted) => {
        const done = (request) =>
          new Promise((yes, no) => {
            request.onsuccess = () => yes(request.result);
            request.onerror = () => no(request.error);
          });
        for (const { name } of await indexedDB.databases()) {
          const database = await done(indexedDB.open(name));
          const values = [...database.objectStoreNames].includes("ItemTable")
            ? await done(database.transaction("ItemTable").objectStore("ItemTable").getAll())
            : [];
          database.close();
          if (values.some((value) => new RegExp(wanted).test(value))) return true;
        }
        return false;
      }, pattern.source),
    );
  }

  lens(text) {
    return this.page.locator(".codelens-decoration a", { hasText: text });
  }
  bar() {
    return this.page.locator('.statusbar-item[id$="autoresearch.status"]');
  }
  rows() {
    return this.page.locator('.pane-body .monaco-list-row[aria-label^="experiment"]');
  }
  /** The inside of the Results page. */
  results() {
    return this.page.frameLocator("iframe.webview").last().frameLocator("iframe");
  }
  async barText() {
    return plain(
      await this.bar()
        .innerText()
        .catch(() => ""),
    );
  }
  async text() {
    return plain(await this.page.locator(".editor-group-container.active .view-lines").last().innerText());
  }
  async lenses() {
    return (await this.page.locator(".codelens-decoration").allInnerTexts()).map(plain);
  }

  /** Close a list that a second press of its key has opened again: it lies over the first lines and swallows clicks. */
  async unlisted() {
    const list = this.page.locator(".quick-input-widget");
    await until(
      "the open list to close",
      async () => !(await list.isVisible()) || this.page.keyboard.press("Escape").then(() => false),
    );
  }

  /** Click once, and see what comes of it. */
  async press(what, target, seen) {
    await target.click();
    await until(what, seen);
  }

  /** Click the icon of a row once. It is there while the mouse is over the row, which may be drawn anew meanwhile. */
  async pressIn(what, row, icon, seen) {
    await until(`${what}: a click`, () =>
      row
        .hover({ timeout: CLICK })
        .then(() => row.locator(`.action-label.codicon-${icon}`).click({ timeout: 1000 }))
        .then(
          () => true,
          () => false,
        ),
    );
    await until(what, seen);
  }

  /** Press a key of the editor's own, and again where it has not taken it; a failure says why each try failed. */
  async again(what, act, seen) {
    const tries = [];
    await until(
      what,
      async () => {
        if (await seen()) return true;
        const began = Date.now();
        const failed = await act().then(
          () => "",
          (error) => error.message.replace(/\x1b\[\d+m/g, ""),
        );
        tries.push(`${((Date.now() - began) / 1000).toFixed(1)} s: ${failed || "done, and nothing came of it"}`);
        return until(what, seen, SEEN).catch(() => false);
      },
      WAIT,
    ).catch((error) => {
      throw new Error(`${error.message}\n${tries.join("\n")}`);
    });
  }

  /** Choose the entry with this text in the list that is open. */
  async choose(text, typed = text) {
    await this.page.locator(".quick-input-widget input").first().fill(typed, { timeout: CLICK });
    await this.page.locator(".quick-input-list .monaco-list-row", { hasText: text }).first().click({ timeout: CLICK });
  }

  /** Open the list of a key and choose; the key is pressed again where the editor has not taken it. */
  async pick(key, text, typed) {
    await until(text, async () => {
      await this.page.keyboard.press(key);
      return this.choose(text, typed).then(
        () => true,
        () => this.page.keyboard.press("Escape").then(() => false),
      );
    });
  }

  run(command) {
    return this.pick("F1", command, `>${command}`);
  }

  async openFile(name, typed = name) {
    await this.again(
      name,
      () => this.pick("Control+p", name, typed),
      () => this.page.locator(".tab.active", { hasText: name }).isVisible(),
    );
  }

  /** Take a picture, in the size for pictures where there is one. */
  async shot(name) {
    const full = this.page.viewportSize();
    if (this.picture) {
      await this.page.setViewportSize(this.picture);
      await this.page.waitForTimeout(500); // for what it draws anew
    }
    await this.page.screenshot({ path: path.join(SHOTS, `${this.name}-${name}.png`), animations: "disabled" });
    if (this.picture) await this.page.setViewportSize(full);
  }

  async close() {
    await this.browser?.close();
    this.browser = undefined;
  }

  async stop() {
    await this.close().catch(() => {});
    await super.stop();
    for (const undo of this.after) await undo();
  }
}

/** Run one test in a fresh editor; where it fails, keep a picture and print the logs. Exits 0 or 1. */
async function drive(name, act, options) {
  const editor = await Editor.start(options);
  editor.name = name;
  let failed = false;
  try {
    await act(editor);
    say("OK", name);
  } catch (error) {
    failed = true;
    console.error("FAIL", error.stack);
    await editor.shot("fail").catch(() => {});
    console.error(editor.logs().slice(-8000));
    console.error("lenses:", await editor.lenses().catch(() => []), "bar:", await editor.barText().catch(() => ""));
  } finally {
    await editor.stop();
  }
  process.exit(failed ? 1 : 0);
}

module.exports = { drive, launch };
