// A code-server on loopback with a fresh profile and our .vsix.
const { spawn, execFileSync } = require("node:child_process");
const fs = require("node:fs"),
  net = require("node:net"),
  os = require("node:os"),
  path = require("node:path");
const { AUTORESEARCH } = require("./campaigns.js");
const { say, sleep, until } = require("./waiting.js");

const SHOTS = process.env.AUTORESEARCH_SHOTS ?? path.resolve(__dirname, "../../../build/vscode");

function freePort() {
  return new Promise((done) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** One code-server: its process, its settings and what the extension logs there. */
class CodeServer {
  /** Start code-server with the extension installed, and others beside it. */
  static async start({ settings = {}, machine = {}, vsix = [], PATH = process.env.PATH, trust = true } = {}) {
    const editor = new this();
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

  /** Write key bindings of the user's. */
  keys(all) {
    fs.writeFileSync(path.join(this.tmp, "user", "User", "keybindings.json"), JSON.stringify(all));
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

  /** End the server and remove what it wrote. */
  async stop() {
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
  }
}

module.exports = { CodeServer, SHOTS };
