// What a command is about, asked for where nobody said; and how a command of the server is run and answered.

import * as vscode from "vscode";
import { canvasEditor, canvasUri, chosenStatus } from "../campaigns";
import type { Server } from "../client";
import type { Results } from "../results";
import type { Review } from "../review";
import type { Texts } from "../texts";
import type { Experiments } from "../tree";
import type { Answer, Experiment, Status, Target } from "../wire";

export interface Parts {
  server: Server;
  texts: Texts;
  review: Review;
  tree: Experiments;
  results: Results;
  context: vscode.ExtensionContext;
}

/** What a command does with what it is about; the quick diff says more than a target. */
export type Act = (target: Target, ...rest: unknown[]) => unknown;
export type Acts = Record<string, Act>;

export interface Manifest {
  version: string;
  contributes: { commands: { command: string; title: string }[]; menus: Record<string, { command: string }[]> };
}

export const NONE = "AutoResearch: no campaign has been started here.";
/** What changes the canvas' text is done where one sees it. */
const CHANGES_TEXT = new Set(["pull", "revertHunk", "revertExperiment", "undoRevert"]);

export class Asking {
  readonly titles: ReadonlyMap<string, string>;
  /** The commands that are about a row of the Experiments view, and not about the view as well. */
  readonly ofRows: ReadonlySet<string>;

  constructor(private readonly parts: Parts) {
    const { contributes } = parts.context.extension.packageJSON as Manifest;
    const short = (command: string) => command.replace("autoresearch.", "");
    this.titles = new Map(contributes.commands.map((c) => [short(c.command), c.title]));
    const [rows, view] = ["view/item/context", "view/title"].map((menu) => contributes.menus[menu] ?? []);
    const whole = new Set(view?.map((item) => item.command));
    this.ofRows = new Set(
      rows
        ?.map((item) => item.command)
        .filter((c) => !whole.has(c))
        .map(short),
    );
  }

  /** Return the campaign that is meant; any folder with a program.md where a campaign may begin. */
  campaign(target: Target, command: string): Promise<Status | undefined> {
    return chosenStatus(this.parts.server, target, this.titles.get(command) ?? "", command === "start");
  }

  /** Return the experiment that is meant. */
  async experiment(target: Target, title: string): Promise<[Status, Experiment] | undefined> {
    const { server, tree } = this.parts;
    const status = await chosenStatus(server, target, title);
    const all = status && (await tree.history(status.folder)).experiments;
    if (!status || !all?.length) {
      if (status || !server.statuses.size) {
        void vscode.window.showInformationMessage(NONE);
      }
      return undefined;
    }
    const found =
      target.experiment === undefined ? await this.pick(all, title) : all.find((e) => e.number === target.experiment);
    return found && [status, found];
  }

  private async pick(all: Experiment[], title: string): Promise<Experiment | undefined> {
    const item = (e: Experiment) => ({
      label: `#${e.number}  ${e.text}`,
      description: `${e.delta_text}  ${e.verdict_text}`,
      detail: e.hypothesis,
      e,
    });
    const options = { title, matchOnDetail: true, matchOnDescription: true };
    return (await vscode.window.showQuickPick(all.map(item).reverse(), options))?.e;
  }

  /** Return the hunk that is meant: a lens and a hover say it, the quick diff says a change, the palette the cursor. */
  hunk(target: Target, rest: unknown[]): Target | undefined {
    const [changes, index] = rest as [{ modifiedStartLineNumber: number; modifiedEndLineNumber: number }[]?, number?];
    const change = changes?.[index ?? 0];
    if (target instanceof vscode.Uri && change) {
      const deleted = change.modifiedEndLineNumber === 0;
      return { uri: (target as vscode.Uri).toString(), line: change.modifiedStartLineNumber - (deleted ? 0 : 1) };
    }
    if (target.hunk) {
      return target;
    }
    const shown = canvasEditor(this.parts.server)?.editor;
    const document = shown?.document;
    return document && { uri: document.uri.toString(), line: shown.selection.active.line, version: document.version };
  }

  /** Run a command of the server; undefined where a question was not answered, or there is no server. */
  async run(name: string, target: Target, extra: object = {}): Promise<Answer | undefined> {
    const { server, review } = this.parts;
    const { folder, experiment, hunk, version, line } = target;
    const status = await this.campaign(target, name);
    if (!status && server.statuses.size) {
      return undefined;
    }
    if (status && CHANGES_TEXT.has(name)) {
      await reveal(canvasUri(status));
    }
    const uri = target.uri ?? (status && canvasUri(status).toString());
    const given = Object.entries({ folder: folder ?? status?.folder, uri, experiment, hunk, version, line, ...extra });
    const answer = await server.run(name, Object.fromEntries(given.filter(([, value]) => value !== undefined)));
    if (answer?.ok) {
      vscode.window.setStatusBarMessage(`$(beaker) ${answer.message}`, 5000);
    }
    if (status && (canvasEditor(server) ?? status.state !== "none")) {
      void review.ask(status);
    }
    return answer;
  }
}

/** Show the canvas where no editor does. */
async function reveal(canvas: vscode.Uri): Promise<void> {
  if (!vscode.window.visibleTextEditors.some((e) => e.document.uri.fsPath === canvas.fsPath)) {
    const shown = vscode.window.showTextDocument(canvas, { preview: false });
    await shown.then(undefined, () => undefined); // the server says what is wrong
  }
}
