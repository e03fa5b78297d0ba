// What package.json promises: no two keys collide, every command and setting is there and used, the .vsix holds what it must.
const assert = require("node:assert"),
  fs = require("node:fs"),
  path = require("node:path");
const { execFileSync } = require("node:child_process");
const { test } = require("node:test");

const HOME = path.resolve(__dirname, "../../../editors/vscode");
const ts = require(path.join(HOME, "node_modules", "typescript"));
const read = (...names) => fs.readFileSync(path.join(HOME, ...names), "utf8");
const manifest = JSON.parse(read("package.json"));
const { commands, configuration, keybindings, menus, views, viewsWelcome, walkthroughs } = manifest.contributes;
const settings = Object.assign({}, ...configuration.map((page) => page.properties));
const sources = fs.readdirSync(path.join(HOME, "src"), { recursive: true }).filter((f) => f.endsWith(".ts"));
const code = sources.map((f) => read("src", f)).join("\n");
const readme = read("README.md");
const names = new Set(commands.map((c) => c.command));

/** Return the names in the object literals that the functions of commands/ return which are of type Acts. */
function registered() {
  const found = [];
  for (const file of sources.filter((f) => path.dirname(f) === "commands")) {
    const source = ts.createSourceFile(file, read("src", file), ts.ScriptTarget.ES2022, true);
    for (const topic of source.statements.filter((s) => ts.isFunctionDeclaration(s) && s.type?.getText() === "Acts")) {
      const { expression } = topic.body.statements.find(ts.isReturnStatement);
      found.push(...expression.properties.map((p) => `autoresearch.${p.name.getText()}`));
    }
  }
  return found;
}

test("every command is under AutoResearch: and registered, and nothing else is", () => {
  assert.ok(names.size > 20);
  assert.deepEqual([...names].sort(), registered().sort());
  for (const { command, category, title } of commands) {
    assert.equal(category, "AutoResearch", command);
    assert.match(title, /^[A-Z]/, command);
  }
});

test("menus, links and key bindings name commands that exist", () => {
  const used = [...Object.values(menus).flat(), ...keybindings].map((m) => m.command);
  const links = JSON.stringify([viewsWelcome, walkthroughs]).matchAll(
    /\(command:(autoresearch\.\w+)|onCommand:(autoresearch\.\w+)/g,
  );
  for (const command of [...used, ...[...links].map((m) => m[1] ?? m[2])]) {
    assert.ok(names.has(command), command);
  }
  for (const { view } of viewsWelcome) {
    assert.ok(
      views.autoresearch.some((v) => v.id === view),
      view,
    );
  }
});

test("no two key bindings collide", () => {
  for (const platform of ["key", "mac"]) {
    const keys = keybindings.map((k) => k[platform]);
    assert.equal(new Set(keys).size, keys.length, keys.join(", "));
  }
});

test("no key acts without a chord and a when-clause, and none takes anything away", () => {
  const harmless = ["nextHunk", "previousHunk", "acceptHunk", "diffAccepted"].map((name) => `autoresearch.${name}`);
  for (const { command, key, mac, when } of keybindings) {
    assert.match(key, /^ctrl\+k \S+$/, command);
    assert.match(mac, /^cmd\+k \S+$/, command);
    assert.match(when, /^editorTextFocus && autoresearch\.isCanvas/, command);
    assert.ok(harmless.includes(command), `${command} has a default key; it may take text away`);
  }
});

test("what needs a campaign is not in the palette without one", () => {
  const always = ["status", "installServer", "restartServer", "showLog", "copyDebugInfo", "openWalkthrough"].map(
    (name) => `autoresearch.${name}`,
  );
  const clauses = new Map(menus.commandPalette.map((m) => [m.command, m.when]));
  assert.deepEqual([...names].filter((name) => !clauses.get(name)).sort(), always.sort());
});

test("when-clauses name context that the extension sets, and all of it", () => {
  const named = (text) =>
    new Set(
      [
        ...text.matchAll(
          /(?<!command:|[\w.])autoresearch\.(state|missing|filtered|isCanvas|pending|\w+)\b(?= *(?:==|!=|=~|>|&&|"|$))/g,
        ),
      ].map((m) => m[1]),
    );
  const clauses = [...Object.values(menus).flat(), ...keybindings, ...viewsWelcome].map((m) =>
    (m.when ?? "").replace(/view == \S+/g, ""),
  );
  const done = [...JSON.stringify(walkthroughs).matchAll(/onContext:autoresearch\.(\w+)/g)].map((m) => m[1]);
  const used = new Set([...clauses.flatMap((when) => [...named(when)]), ...done]);
  const set = new Set([...code.matchAll(/"setContext",\s*"autoresearch\.(\w+)"/g)].map((m) => m[1]));
  assert.deepEqual([...used].sort(), [...set].sort());
});

test("every setting is described, and read by the code", () => {
  for (const [name, setting] of Object.entries(settings)) {
    assert.ok(
      setting.markdownDescription?.endsWith(".") || setting.markdownDescription?.endsWith(".)"),
      `${name} has no description`,
    );
    assert.notEqual(setting.default, undefined, name);
    assert.equal(setting.enum?.length, setting.enumDescriptions?.length, name);
    const short = name.replace("autoresearch.", "");
    const reads = [`"${short}"`, `shows("${short.replace(".enabled", "")}")`].some((text) => code.includes(text));
    assert.ok(reads || short === "trace.server", `${name} is read nowhere`); // that one is read by vscode-languageclient
  }
  for (const [, short] of code.matchAll(/\bsetting(?:<[^(]*>)?\("([\w.]+)"/g)) {
    assert.ok(`autoresearch.${short}` in settings, `${short} is read, but not a setting`);
  }
});

test("lens, hints, diagnostics and notifications have a switch each", () => {
  for (const name of ["codeLens.enabled", "inlayHints.enabled", "diagnostics.enabled", "notifications"]) {
    assert.ok(`autoresearch.${name}` in settings, name);
  }
});

test("a step of the walkthrough is written in the little that VS Code renders there", () => {
  for (const { description } of walkthroughs.flatMap((w) => w.steps)) {
    assert.doesNotMatch(description.replaceAll(/``[^`]+``|\*\*[^*]+\*\*/g, ""), /[`*]/, description);
  }
});

test("it starts only where there is a program.md, and never in an untrusted folder", () => {
  assert.deepEqual(manifest.activationEvents, [
    "workspaceContains:**/program.md",
    "onWebviewPanel:autoresearch.results",
  ]);
  assert.equal(manifest.capabilities.untrustedWorkspaces.supported, false);
  assert.equal(manifest.capabilities.virtualWorkspaces.supported, false);
  assert.deepEqual(manifest.extensionKind, ["workspace"]);
  assert.equal(manifest.extensionDependencies, undefined);
});

test("versions agree: the server's, the newest in the changelog, the oldest editor's types", () => {
  const [, server] = /^version = "(.*)"/m.exec(fs.readFileSync(path.join(HOME, "../../pyproject.toml"), "utf8"));
  const [, newest] = /^## (\d+\.\d+\.\d+)/m.exec(read("CHANGELOG.md"));
  assert.deepEqual([manifest.version, newest], [server, server]);
  assert.equal(manifest.engines.vscode, `^${manifest.devDependencies["@types/vscode"]}`);
});

test("every picture is there, and small", () => {
  const shown = JSON.stringify(manifest).matchAll(/"(media\/[\w.-]+)"/g);
  const linked = readme.matchAll(/\]\((media\/[\w.-]+)\)/g);
  const drawn = code.matchAll(/look\("(\w+)"\)/g);
  const all = new Set([...[...shown, ...linked].map((m) => m[1]), ...[...drawn].map((m) => `media/${m[1]}.svg`)]);
  assert.ok(all.size >= 8);
  for (const name of all) {
    const size = fs.statSync(path.join(HOME, name)).size;
    assert.ok(size > 100 && size < 150 * 1024, `${name} has ${size} bytes`);
  }
  const icon = fs.readFileSync(path.join(HOME, manifest.icon));
  assert.deepEqual([icon.readUInt32BE(16), icon.readUInt32BE(20)], [128, 128]);
});

test("the README's tables of settings and keys are package.json's", () => {
  const cell = (text) => text.replaceAll("|", "\\|");
  const rows = Object.entries(settings).map(([name, s]) => {
    const choices = (s.enumDescriptions ?? []).map(
      (text, i) => ` \`${s.enum[i]}\`: ${text[0].toLowerCase()}${text.slice(1)}`,
    );
    return `| \`${name}\` | \`${JSON.stringify(s.default)}\` | ${cell(s.markdownDescription.replace(/`#([\w.]+)#`/g, "`$1`") + choices.join(""))} |`;
  });
  const title = new Map(commands.map((c) => [c.command, c.title]));
  rows.push(...keybindings.map((k) => `| ${title.get(k.command)} | \`${k.key}\` | \`${k.mac}\` |`));
  const missing = rows.filter((row) => !readme.includes(`\n${row}\n`));
  assert.deepEqual(missing, [], `put these into README.md:\n${missing.join("\n")}\n`);
  const told = [...readme.matchAll(/^\| `(autoresearch\.[\w.]+)` \|/gm)].map((m) => m[1]);
  assert.deepEqual(told, Object.keys(settings));
});

test("the .vsix holds what runs and what is read, and nothing else", () => {
  const listed = execFileSync("python3", ["-m", "zipfile", "-l", process.env.VSIX], { encoding: "utf8" });
  const files = [...listed.matchAll(/^extension\/(\S+)/gm)].map((m) => m[1]);
  const wanted = [
    "package.json",
    "readme.md",
    "changelog.md",
    "LICENSE.txt",
    "dist/extension.js",
    "dist/language.js",
    "dist/results.js",
    "dist/results.css",
  ];
  assert.deepEqual(files.filter((f) => !f.startsWith("media/")).sort(), wanted.sort());
  assert.deepEqual(
    files.filter((f) => f.startsWith("media/") && !/\.(svg|png)$/.test(f)),
    [],
  );
  assert.ok(fs.statSync(process.env.VSIX).size < 1024 * 1024);
});
