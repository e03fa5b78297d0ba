// Drives real VS Code: a code-server on loopback with a fresh profile and our .vsix, in Debian's Chromium.
const { chromium } = require("playwright-core");
const { spawn, execFileSync } = require("node:child_process");
const fs = require("node:fs"),
  net = require("node:net"),
  os = require("node:os"),
  path = require("node:path");

const WAIT = 300_000; // for what a busy machine may take: with a load of 20 the extensions of a reload began after 150 s
const CLICK = 15_000,
  SEEN = 30_000; // for one try of a click, and for what comes of it
const ROOT = path.resolve(__dirname, "../../..");
const SHOTS = process.env.AUTORESEARCH_SHOTS ?? path.join(ROOT, "build", "vscode");
const AUTORESEARCH = process.env.AUTORESEARCH ?? path.join(ROOT, ".venv", "bin", "autoresearch");
const PYTHON = path.join(path.dirname(AUTORESEARCH), "python");
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
const began = Date.now();

const say = (...words) => console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)}s`, ...words);
const plain = (text) => text.replace(/\u00a0/g, " ").replace(/[\u200b-\u200f]/g, "");
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Return what `find` gives once it is truthy; fails at the deadline with what was looked for. */
async function until(what, find, ms = WAIT) {
  for (const end = Date.now() + ms; ; await sleep(100)) {
    const late = Date.now() > end; // looked at before the last look: we may have been suspended meanwhile
    const found = await find();
    if (found) return found;
    if (late) throw new Error(`not within ${ms / 1000} s: ${what}`);
  }
}

function freePort() {
  return new Promise((done) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });

/** Make a campaign folder of the stub canvas, whose experiments last so many seconds. */
function campaign(editor, seconds) {
  const folder = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "ar-vscode-")), "night");
  execFileSync(PYTHON, ["-P", path.join(ROOT, "tests", "editors", "campaign.py"), folder, String(seconds)]);
  editor.after.push(() => forget(folder));
  return folder;
}

/** Make a campaign folder of the real files. One rate is set badly, so that there is more to gain than the batch. */
function realCampaign(editor) {
  const folder = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "ar-vscode-")), "night");
  editor.after.push(() => forget(folder));
  fs.mkdirSync(folder);
  fs.copyFileSync(path.join(ROOT, "prepare.py"), path.join(folder, "prepare.py"));
  const canvas = fs.readFileSync(path.join(ROOT, "train.py"), "utf8").replace(/^MATRIX_LR = \S+/m, "MATRIX_LR = 0.5");
  fs.writeFileSync(path.join(folder, "train.py"), canvas);
  const prose = fs.readFileSync(path.join(ROOT, "program.md"), "utf8").replace(/^---\n[^]*?\n---\n/, "");
  fs.writeFileSync(
    path.join(folder, "program.md"),
    `---\nmodel: knobs\nbudget: 0.5 TFLOP\nrepeats: 2\nstop: {experiments: 100, plateau: 40}\n---\n${prose}`,
  );
  for (const words of [
    ["init", "-q", "-b", "main"],
    ["add", "-A"],
    ["-c", "user.name=User", "-c", "user.email=user@example.org", "commit", "-q", "-m", "first"],
  ]) {
    execFileSync("git", words, { cwd: folder });
  }
  return folder;
}

/** Make a campaign that has ended, with so many experiments; `grow` adds a kept one. */
async function ledger(editor, count) {
  const folder = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "ar-vscode-")), "night");
  const script = spawn(PYTHON, ["-P", path.join(ROOT, "tests", "editors", "ledger.py"), folder, String(count)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  editor.after.push(() => {
    script.stdin.end();
    return forget(folder);
  });
  await new Promise((done, fail) => {
    script.stdout.once("data", done);
    script.once("exit", (code) => fail(new Error(`ledger.py ended with ${code}`)));
  });
  return { folder, grow: () => script.stdin.write("\n") };
}

/** Run the command; return what it prints. */
function autoresearch(folder, ...words) {
  return execFileSync(AUTORESEARCH, ["-C", folder, ...words], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

const status = (folder) => JSON.parse(autoresearch(folder, "status", "--json"));

/** End a campaign and remove its folder. */
async function forget(folder) {
  try {
    autoresearch(folder, "stop", "--now");
  } catch {
    /* it has ended already */
  }
  await until(
    "the daemon to end",
    () => {
      try {
        return status(folder).alive === false;
      } catch {
        return true;
      }
    },
    20_000,
  ).catch(() => {});
  fs.rmSync(path.dirname(folder), { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
}

class Editor {
  /** Start code-server with the extension installed, and others beside it. */
  static async start({ settings = {}, machine = {}, vsix = [], PATH = process.env.PATH, trust = true } = {}) {
    const editor = new Editor();
    editor.after = []; // what is undone at the end
    editor.tmp = fs.mkdtempSync(path.join(os.tmpdir(), "ar-code-"));
    const user = path.join(editor.tmp, "user"),
      config = path.join(editor.tmp, "config.yaml");
    fs.writeFileSync(config, "auth: none\ncert: false\n");
    editor.settings("Machine", { "autoresearch.server.path": AUTORESEARCH, ...machine });
    editor.settings("User", {
      "window.autoDetectColorScheme": true,
      "editor.accessibilitySupport": "off",
      "editor.minimap.enabled": false,
      "files.autoSave": "off",
      "security.workspace.trust.enabled": !trust,
      "security.workspace.trust.startupPrompt": "never",
      "telemetry.telemetryLevel": "off",
      "update.mode": "none",
      "workbench.startupEditor": "none",
      "workbench.tips.enabled": false,
      "workbench.enableExperiments": false,
      "workbench.secondarySideBar.defaultVisibility": "hidden",
      "chat.disableAIFeatures": true,
      "terminal.integrated.gpuAcceleration": "off",
      "extensions.ignoreRecommendations": true,
      "extensions.autoUpdate": false,
      "extensions.autoCheckUpdates": false,
      ...settings,
    });
    // VSCODE_CLI: as when started from a terminal, so PATH is this one and not that of a login shell.
    const env = {
      ...process.env,
      PATH,
      VSCODE_CLI: "1",
      XDG_CONFIG_HOME: path.join(editor.tmp, "xdg"),
      XDG_DATA_HOME: path.join(editor.tmp, "xdg"),
      TMPDIR: editor.tmp,
      EXTENSIONS_GALLERY: '{"serviceUrl":""}',
    };
    const common = ["--config", config, "--user-data-dir", user, "--extensions-dir", path.join(editor.tmp, "ext")];
    const install = [process.env.VSIX, ...vsix].flatMap((file) => ["--install-extension", file]);
    execFileSync(process.env.CODE_SERVER, [...common, ...install], { env, stdio: "pipe" });
    editor.port = await freePort();
    fs.mkdirSync(SHOTS, { recursive: true });
    const log = fs.openSync(path.join(SHOTS, "code-server.log"), "w");
    editor.process = spawn(
      process.env.CODE_SERVER,
      [
        ...common,
        "--bind-addr",
        `127.0.0.1:${editor.port}`,
        "--disable-telemetry",
        "--disable-update-check",
        "--disable-getting-started-override",
        ...(trust ? ["--disable-workspace-trust"] : []),
      ],
      { env, stdio: ["ignore", log, log], detached: true },
    );
    await until("code-server", () =>
      fetch(`http://127.0.0.1:${editor.port}/healthz`).then(
        (r) => r.ok,
        () => false,
      ),
    );
    say("code-server is up");
    return editor;
  }

  /** Write the settings of `User` or `Machine`; a running editor reads them again. */
  settings(scope, all) {
    const folder = path.join(this.tmp, "user", scope);
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, "settings.json"), JSON.stringify(all));
  }

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

  /** Click, and again where nothing comes of it: a lens that is drawn anew under the mouse swallows the click. */
  press(what, target, seen) {
    return this.again(what, () => target.click({ timeout: CLICK }), seen);
  }

  /** Act, and again where nothing comes of it; a failure says why each try failed. */
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

  /** Return what the extension has logged. */
  logs() {
    const folder = path.join(this.tmp, "user", "logs");
    const files = fs.existsSync(folder) ? fs.readdirSync(folder, { recursive: true }) : [];
    return files
      .filter((f) => /AutoResearch.*\.log$/.test(f))
      .map((f) => fs.readFileSync(path.join(folder, f), "utf8"))
      .join("\n");
  }

  async close() {
    await this.browser?.close();
    this.browser = undefined;
  }

  async stop() {
    await this.close().catch(() => {});
    try {
      process.kill(-this.process.pid, "SIGTERM");
    } catch {
      /* it is gone */
    }
    await Promise.race([
      new Promise((done) => (this.process.exitCode === null ? this.process.on("exit", done) : done())),
      sleep(5000),
    ]);
    try {
      process.kill(-this.process.pid, "SIGKILL");
    } catch {
      /* it is gone */
    }
    fs.rmSync(this.tmp, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
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

module.exports = {
  AUTORESEARCH,
  Editor,
  PYTHON,
  SHOTS,
  CLICK,
  WAIT,
  autoresearch,
  campaign,
  drive,
  forget,
  launch,
  ledger,
  plain,
  realCampaign,
  say,
  status,
  until,
};
