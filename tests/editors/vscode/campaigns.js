// Campaign folders to open: of the stub canvas, of the real files, and ended ones; and the command that runs them.
const { spawn, execFileSync } = require("node:child_process");
const fs = require("node:fs"),
  os = require("node:os"),
  path = require("node:path");
const { until } = require("./waiting.js");

const ROOT = path.resolve(__dirname, "../../..");
const AUTORESEARCH = process.env.AUTORESEARCH ?? path.join(ROOT, ".venv", "bin", "autoresearch");
const PYTHON = path.join(path.dirname(AUTORESEARCH), "python");

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

module.exports = { AUTORESEARCH, PYTHON, autoresearch, campaign, ledger, realCampaign, status };
