// The commands: who is meant, what is asked first, what is shown of the answer. The server does the work.

import { platform, release } from "node:os";
import * as vscode from "vscode";
import { canvasEditor, canvasUri, chosenStatus, folderName, folderOf } from "./campaigns";
import type { Server } from "./client";
import type { Results } from "./results";
import type { Review } from "./review";
import { openInstall } from "./server";
import { VERDICTS, type Experiments } from "./tree";
import type { Texts } from "./texts";
import { verdict, type Answer, type Experiment, type Plan, type Status, type Target } from "./wire";

export interface Parts {
  server: Server;
  texts: Texts;
  review: Review;
  tree: Experiments;
  results: Results;
  context: vscode.ExtensionContext;
}
/** What changes the canvas' text is done where one sees it. */
const CHANGES_TEXT = new Set(["pull", "revertHunk", "revertExperiment", "undoRevert"]);
const NONE = "AutoResearch: no campaign has been started here.";
interface Manifest {
  version: string;
  contributes: { commands: { command: string; title: string }[] };
}
type Act = (target: Target, ...rest: unknown[]) => unknown;

export function commands(parts: Parts): vscode.Disposable[] {
  const { server, texts, review, tree, results, context } = parts;

  const titles = new Map((context.extension.packageJSON as Manifest).contributes.commands.map((c) => [c.command, c.title]));
  const chosen = (target: Target, command: string) => chosenStatus(server, target, titles.get(command) ?? "", command === "autoresearch.start");

  const run = async (name: string, target: Target, extra: object = {}): Promise<Answer | undefined> => {
    const { folder, experiment, hunk, version, line } = target;
    const status = await chosen(target, `autoresearch.${name}`);
    if (!status && server.statuses.size) {
      return undefined; // asked, and not answered
    }
    const uri = target.uri ?? (status && canvasUri(status).toString());
    if (CHANGES_TEXT.has(name) && status && !vscode.window.visibleTextEditors.some((e) => e.document.uri.fsPath === canvasUri(status).fsPath)) {
      await vscode.window.showTextDocument(canvasUri(status), { preview: false }).then(undefined, () => undefined); // the server says what is wrong
    }
    const given = Object.entries({ folder: folder ?? status?.folder, uri, experiment, hunk, version, line, ...extra });
    const answer = await server.run(name, Object.fromEntries(given.filter(([, value]) => value !== undefined)));
    if (answer?.ok) {
      vscode.window.setStatusBarMessage(`$(beaker) ${answer.message}`, 5000);
    }
    if (status && (canvasEditor(server) ?? status.state !== "none")) {
      void review.ask(status);
    }
    return answer;
  };

  /** Return the experiment that is meant, asked for where nobody said. */
  const experiment = async (target: Target, title: string): Promise<[Status, Experiment] | undefined> => {
    const status = await chosenStatus(server, target, title);
    const all = status && (await tree.history(status.folder));
    if (!status || !all?.length) {
      void (!status && server.statuses.size ? undefined : vscode.window.showInformationMessage(NONE));
      return undefined;
    }
    const item = (e: Experiment) => ({ label: `#${e.number}  ${e.text}`, description: `${e.delta_text}  ${verdict(e)}`, detail: e.hypothesis, e });
    const found = target.experiment === undefined
      ? (await vscode.window.showQuickPick(all.map(item).reverse(), { title, matchOnDetail: true, matchOnDescription: true }))?.e
      : all.find((e) => e.number === target.experiment);
    return found && [status, found];
  };
  const onExperiment = (name: string, title: string): Act => async (target) => {
    const found = await experiment(target, title);
    return found && run(name, { folder: found[0].folder, experiment: found[1].number });
  };

  /** Return the hunk that is meant: a lens and a hover say it, the quick diff says a change, the palette the cursor. */
  const hunk = (target: Target, rest: unknown[]): Target | undefined => {
    const [changes, index] = rest as [{ modifiedStartLineNumber: number; modifiedEndLineNumber: number }[]?, number?];
    const change = changes?.[index ?? 0];
    if (target instanceof vscode.Uri && change) {
      const deleted = change.modifiedEndLineNumber === 0;
      return { uri: (target as vscode.Uri).toString(), line: change.modifiedStartLineNumber - (deleted ? 0 : 1) };
    }
    const shown = canvasEditor(server)?.editor;
    return target.hunk ? target : shown && { uri: shown.document.uri.toString(), line: shown.selection.active.line, version: shown.document.version };
  };
  const onHunk = (name: string): Act => (target, ...rest) => {
    const which = hunk(target, rest);
    return which ? run(name, which) : vscode.window.showInformationMessage("AutoResearch: open the canvas first.");
  };
  const go = (name: string): Act => async (target) => {
    const shown = canvasEditor(server)?.editor;
    const answer = await run(name, target, target.line === undefined && shown ? { line: shown.selection.active.line } : {});
    if (answer?.ok) {
      vscode.window.setStatusBarMessage(`$(diff) AutoResearch: ${answer.message}`, 5000);
    }
  };

  const confirmStart = async (status: Status): Promise<boolean> => {
    const plan = await server.request<Plan>("autoresearch/plan", { folder: status.folder });
    const dirty = vscode.workspace.textDocuments.filter((d) => d.isDirty && d.uri.scheme === "file" && folderOf(server, d.uri) === status.folder);
    const key = `agreed:${status.folder}`;
    if (!plan || (context.workspaceState.get(key) === plan.run && !dirty.length)) {
      return true;
    }
    const limits = Object.entries(plan.stop).map(([name, value]) => (name === "plateau" ? `${value} without a keep` : name === "dollars" ? `$${value}` : `${value} ${name}`));
    const detail = [
      `It runs, again and again, in the background:`,
      `    ${plan.run}`,
      `in ${status.folder}`,
      ``,
      `${plan.canvas} is rewritten in copies by ${plan.command ? `the command '${plan.command}'` : plan.models.join(", ")}; your own files are not touched.`,
      `Each run: ${plan.budget ?? "a budget that fits this machine"}. It ends at ${limits.join(", or ") || "your stop"}.`,
      ...(dirty.length ? ["", `Not saved, so not measured: ${dirty.map((d) => vscode.workspace.asRelativePath(d.uri)).join(", ")}.`] : []),
    ].join("\n");
    const buttons = dirty.length ? ["Save and Start", "Start"] : ["Start"];
    const choice = await vscode.window.showInformationMessage("Start the campaign?", { modal: true, detail }, ...buttons);
    if (choice === "Save and Start") {
      await Promise.all(dirty.map((d) => d.save()));
    }
    await context.workspaceState.update(key, choice ? plan.run : undefined);
    return choice !== undefined;
  };

  const all: Record<string, Act> = {
    start: async (target) => {
      const status = await chosen(target, "autoresearch.start");
      if (!status) {
        return server.statuses.size ? undefined : server.running ? vscode.window.showInformationMessage("AutoResearch: open a folder with a program.md; 'autoresearch init' makes one.") : server.restart();
      }
      return (await confirmStart(status)) && run("start", { folder: status.folder });
    },
    pause: (target) => run("pause", target),
    resume: (target) => run("resume", target),
    stop: (target) => run("stop", target),
    stopNow: (target) => run("stop", target, { now: true }),
    status: () => vscode.commands.executeCommand("autoresearch.experiments.focus"),
    showResults: async (target) => {
      const status = await chosen(target, "autoresearch.showResults");
      if (status && status.state !== "none") {
        results.show(status);
      } else if (status ?? !server.statuses.size) {
        void vscode.window.showInformationMessage(NONE);
      }
    },
    pull: async (target) => run("pull", target),
    restore: onExperiment("pull", "Restore an experiment in the canvas"),
    acceptHunk: onHunk("acceptHunk"),
    revertHunk: onHunk("revertHunk"),
    acceptExperiment: onExperiment("acceptExperiment", "Accept every hunk of an experiment"),
    revertExperiment: onExperiment("revertExperiment", "Revert every hunk of an experiment"),
    acceptAll: (target) => run("acceptAll", target),
    undoRevert: (target) => run("undoRevert", target),
    commitAccepted: (target) => run("commitAccepted", target),
    nextHunk: go("nextHunk"),
    previousHunk: go("previousHunk"),
    showDiff: async (target) => {
      const found = await experiment(target, "Show the diff of an experiment");
      return found && texts.diffExperiment(...found);
    },
    showExperiment: async (target) => {
      const found = await experiment(target, "Show an experiment");
      return found && texts.details(found[0], found[1].number);
    },
    diffAccepted: async (target) => {
      const status = await chosen(target, "autoresearch.diffAccepted");
      return status && texts.diffAccepted(status);
    },
    copy: async (target) => {
      const found = await experiment(target, "Copy an experiment");
      if (found) {
        const e = found[1];
        const row = `| #${e.number} | ${e.commit.slice(0, 7)} | ${e.text} | ${e.delta_text} | ${verdict(e)} | ${e.hypothesis.replaceAll("|", "\\|")} |`;
        const items = [{ label: "Markdown row", description: row, text: row }, { label: "Commit", description: e.commit, text: e.commit }, { label: "Score", description: e.text, text: String(e.score ?? "") }, { label: "Hypothesis", description: e.hypothesis, text: e.hypothesis }];
        const choice = await vscode.window.showQuickPick(items, { title: `Copy of #${e.number}` });
        await (choice && vscode.env.clipboard.writeText(choice.text));
      }
    },
    measureEdit: async (target) => {
      const hypothesis = await vscode.window.showInputBox({ title: "Measure my edit", prompt: "What do you expect of it? (may be empty)" });
      return hypothesis !== undefined && run("measureEdit", target, { hypothesis });
    },
    note: async (target) => {
      const text = await vscode.window.showInputBox({ title: "Note for the proposer", prompt: target.experiment === undefined ? "Goes into the next prompt" : `About #${target.experiment}` });
      return text && run("note", target, { text });
    },
    report: async (target) => {
      const answer = await run("report", target);
      if (answer?.ok && (await vscode.window.showInformationMessage(`AutoResearch: ${answer.message}`, "Open report.html"))) {
        await vscode.env.openExternal(vscode.Uri.file(String(answer.path)));
      }
    },
    verify: async (target) => {
      const answer = await run("verify", target);
      if (answer?.ok) {
        void vscode.window.showInformationMessage(`AutoResearch: #${String(answer.experiment)} ${answer.message}`);
      }
    },
    filter: async () => {
      const items = VERDICTS.map((label) => ({ label, picked: tree.filter.includes(label) }));
      const chosen = await vscode.window.showQuickPick(items, { canPickMany: true, title: "Show experiments by verdict (none is all)" });
      return chosen && tree.setFilter(chosen.map((c) => c.label));
    },
    clearFilter: () => tree.setFilter([]),
    selectCampaign: async (target) => {
      const status = await chosen(target, "autoresearch.selectCampaign");
      const given = typeof target.campaign === "string" ? target.campaign : undefined;
      const items = (status?.campaigns ?? []).map((label, i) => ({ label, description: [i ? "" : "the last", label === status?.campaign ? "shown now" : ""].filter(Boolean).join(", ") }));
      const campaign = given ?? (status && (await vscode.window.showQuickPick(items, { title: `Show a campaign of ${folderName(status.folder)}` }))?.label);
      return campaign && run("status", status ? { ...target, folder: status.folder } : target, { campaign });
    },
    installServer: openInstall,
    restartServer: () => server.restart(),
    showLog: () => server.log.show(),
    copyDebugInfo: async () => {
      const { version } = context.extension.packageJSON as Manifest;
      const facts = {
        extension: version, editor: `${vscode.env.appName} ${vscode.version}`, remote: vscode.env.remoteName ?? "no",
        system: `${platform()} ${release()}`, server: server.version, found: server.found?.from ?? "not found",
        campaigns: [...server.statuses.values()].map(({ state, health, experiments, source, device, message }) => ({ state, health, experiments, source, device, message })),
        settings: { ...vscode.workspace.getConfiguration("autoresearch"), server: undefined },
      };
      await vscode.env.clipboard.writeText(`\`\`\`json\n${JSON.stringify(facts, null, 2)}\n\`\`\``);
      void vscode.window.showInformationMessage("AutoResearch: the debug information is in the clipboard; it names no key and no path.");
    },
    openWalkthrough: () => vscode.commands.executeCommand("workbench.action.openWalkthrough", `${context.extension.id}#start`),
  };
  return Object.entries(all).map(([name, act]) =>
    vscode.commands.registerCommand(`autoresearch.${name}`, (target?: Target & { status?: Status }, ...rest: unknown[]) => {
      const about = target instanceof vscode.Uri ? target : (target?.status ? { folder: target.status.folder } : (target ?? {}));
      return visibly(titles.get(`autoresearch.${name}`) ?? name, () => act(about, ...rest));
    }),
  );
}

/** Run a command so that its click is answered: while it works the status bar says so, and a failure is a message. */
async function visibly(title: string, act: () => unknown): Promise<unknown> {
  try {
    return await vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title: `AutoResearch: ${title}` }, async () => await act());
  } catch (error) {
    void vscode.window.showErrorMessage(`AutoResearch: ${title} failed: ${error instanceof Error ? error.message : String(error)}. The log says more ('AutoResearch: Show Log').`);
    return undefined;
  }
}
