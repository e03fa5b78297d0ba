// Pending hunks in the canvas: gutter, overview ruler, old lines on hover; the quick diff against the accepted base.
// What waits is asked of the server whenever something may have moved; only what is drawn is kept.

import * as vscode from "vscode";
import { canvasStatus, canvasUri } from "./campaigns";
import type { Server } from "./client";
import { setting } from "./server";
import { commandLink } from "./status";
import type { Texts } from "./texts";
import type { Hunk, Hunks, Status } from "./wire";

const PAUSE_MS = 80;

export class Review implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onChange = this.changed.event;
  private readonly found = new Map<string, Hunks>(); // folder → what is drawn
  private readonly due = new Map<string, NodeJS.Timeout>();
  private readonly bases = new Map<string, vscode.SourceControl>();
  private readonly incumbents = new Map<string, number | null | undefined>();
  private readonly followed = new Map<string, string>(); // folder → the incumbent that was pulled last, or could not be
  private readonly following = new Set<string>(); // folders whose canvas is being pulled into and saved
  private readonly written: vscode.TextEditorDecorationType;
  private readonly removed: vscode.TextEditorDecorationType;
  private readonly hooks: vscode.Disposable[];

  constructor(
    private readonly server: Server,
    private readonly texts: Texts,
    extension: vscode.Uri,
  ) {
    const look = (icon: string): vscode.DecorationRenderOptions => ({
      isWholeLine: true,
      gutterIconPath: vscode.Uri.joinPath(extension, "media", `${icon}.svg`),
      gutterIconSize: "cover",
      overviewRulerColor: new vscode.ThemeColor("autoresearch.pendingHunk"),
      overviewRulerLane: vscode.OverviewRulerLane.Center,
    });
    this.written = vscode.window.createTextEditorDecorationType({
      ...look("pending"),
      backgroundColor: new vscode.ThemeColor("autoresearch.pendingHunkBackground"),
    });
    this.removed = vscode.window.createTextEditorDecorationType(look("removed"));
    const look_at = (uri: vscode.Uri) => {
      const status = canvasStatus(server, uri);
      if (status) {
        this.soon(status);
      }
    };
    server.hoverFirst = (document, position) => this.hover(document, position);
    this.hooks = [
      server.onStatus((status) => this.moved(status)),
      server.onLost(() => this.clear()),
      server.onLook(look_at),
      vscode.workspace.onDidChangeTextDocument((e) => look_at(e.document.uri)),
      vscode.workspace.onDidSaveTextDocument((document) => look_at(document.uri)), // only now it may be followed
      vscode.workspace.onDidChangeConfiguration(
        (e) => e.affectsConfiguration("autoresearch.follow") && server.statuses.forEach((s) => this.soon(s)),
      ),
      vscode.window.onDidChangeVisibleTextEditors((all) => all.forEach((editor) => look_at(editor.document.uri))),
      vscode.window.onDidChangeActiveTextEditor(() => this.tellContext()),
    ];
  }

  /** Return how many hunks wait, and how many kept patches are not in the buffer, over all campaigns. */
  totals(): { hunks: number; behind: number } {
    const all = [...this.found.values()];
    return { hunks: all.reduce((n, h) => n + h.hunks.length, 0), behind: all.reduce((n, h) => n + h.behind, 0) };
  }

  /** Return the experiments whose hunks wait, each as its `experimentId`. */
  waiting(): Set<string> {
    const all = [...this.found].flatMap(([folder, { hunks }]) =>
      hunks.flatMap((hunk) => hunk.experiments.map((number) => experimentId(folder, number))),
    );
    return new Set(all);
  }

  private moved(status: Status): void {
    const before = this.incumbents.get(status.folder);
    this.incumbents.set(status.folder, status.incumbent);
    if (status.state !== "none" && (!this.found.has(status.folder) || before !== status.incumbent)) {
      this.texts.refresh();
      this.soon(status);
    }
  }

  /** Ask again once it has been quiet for a moment. */
  soon(status: Status): void {
    clearTimeout(this.due.get(status.folder));
    this.due.set(
      status.folder,
      setTimeout(() => void this.ask(status), PAUSE_MS),
    );
  }

  async ask(status: Status): Promise<void> {
    const uri = canvasUri(status);
    const document = await vscode.workspace.openTextDocument(uri).then(
      (d) => d,
      () => undefined,
    ); // opens no tab
    const answer = document && (await this.server.request<Hunks>("autoresearch/hunks", { uri: uri.toString() }));
    const same = answer && document.version === answer.version;
    if (!document || !answer || !same || answer.base === null) {
      return; // a newer text is on its way, and asks again
    }
    if (this.found.get(status.folder)?.base !== answer.base) {
      this.texts.refresh();
    }
    this.found.set(status.folder, answer);
    this.base(status, uri);
    this.draw(uri, answer.hunks);
    this.tellContext();
    this.changed.fire();
    if (answer.behind) {
      await this.follow(status.folder, document);
    }
  }

  /** Pull a new incumbent into the canvas that is shown, and save it. Once: who restores an older text keeps it. */
  private async follow(folder: string, document: vscode.TextDocument): Promise<void> {
    const now = this.server.statuses.get(folder);
    const incumbent = `${now?.campaign} #${now?.incumbent}`;
    const shown = vscode.window.visibleTextEditors.some((e) => e.document === document);
    if (
      !setting<boolean>("follow", false) ||
      document.isDirty ||
      !shown ||
      this.followed.get(folder) === incumbent ||
      this.following.has(folder)
    ) {
      return;
    }
    this.followed.set(folder, incumbent);
    this.following.add(folder);
    try {
      const before = document.version;
      const pulled = await this.server.run("pull", { folder, uri: document.uri.toString() }, false);
      if (pulled?.ok && document.version === before + 1) {
        // what was typed meanwhile is not ours to save
        await document.save();
      }
      vscode.window.setStatusBarMessage(
        `$(${pulled?.ok ? "cloud-download" : "warning"}) ${pulled?.message ?? "not followed"}`,
        5000,
      );
    } finally {
      this.following.delete(folder);
      this.server.statuses.forEach((status) => status.folder === folder && this.soon(status)); // kept meanwhile
    }
  }

  /** Take away what is drawn of folders that are gone. */
  private clear(): void {
    for (const [folder, { uri }] of this.found) {
      if (!this.server.statuses.has(folder)) {
        this.draw(vscode.Uri.parse(uri), []);
        this.found.delete(folder);
        this.bases.get(folder)?.dispose();
        this.bases.delete(folder);
      }
    }
    this.tellContext();
    this.changed.fire();
  }

  private draw(uri: vscode.Uri, waiting: Hunk[]): void {
    for (const editor of vscode.window.visibleTextEditors) {
      if (editor.document.uri.toString() === uri.toString()) {
        const ranges = (hunks: Hunk[]) => hunks.map((hunk) => place(editor.document, hunk));
        editor.setDecorations(this.written, ranges(waiting.filter((hunk) => hunk.new.length)));
        editor.setDecorations(this.removed, ranges(waiting.filter((hunk) => !hunk.new.length)));
      }
    }
  }

  private hover(document: vscode.TextDocument, position: vscode.Position): vscode.MarkdownString | undefined {
    const status = canvasStatus(this.server, document.uri);
    const all = status && this.found.get(status.folder);
    const i = all?.hunks.findIndex((hunk) => place(document, hunk).contains(position)) ?? -1;
    const hunk = all?.hunks[i];
    if (!all || !hunk) {
      return undefined;
    }
    const which = { uri: all.uri, hunk: hunk.id };
    const text = new vscode.MarkdownString("", true);
    text.isTrusted = {
      enabledCommands: ["acceptHunk", "revertHunk", "showDiff", "nextHunk"].map((c) => `autoresearch.${c}`),
    };
    const links = [
      commandLink("$(check) Accept", "acceptHunk", which),
      commandLink("$(discard) Revert", "revertHunk", which),
      commandLink("$(diff) Diff", "showDiff", { uri: all.uri, experiment: hunk.experiments.at(-1) }),
      commandLink("$(arrow-down) Next", "nextHunk", { uri: all.uri, line: hunk.start }),
    ];
    const did = hunk.old.length ? (hunk.new.length ? "replaced" : "took out") : "added these lines";
    text.appendMarkdown(`**Hunk ${i + 1} of ${all.hunks.length}**   ${links.join("   ")}\n\n${hunk.label} ${did}\n`);
    if (hunk.old.length) {
      text.appendCodeblock(hunk.old.join("").trimEnd(), document.languageId);
    }
    return text;
  }

  /** Give the editor's quick diff our accepted base, beside git's. */
  private base(status: Status, canvas: vscode.Uri): void {
    if (!setting<boolean>("quickDiff", true)) {
      this.bases.get(status.folder)?.dispose();
      this.bases.delete(status.folder);
    } else if (!this.bases.has(status.folder)) {
      const control = vscode.scm.createSourceControl("autoresearch", "AutoResearch", vscode.Uri.file(status.folder));
      control.inputBox.visible = false;
      control.quickDiffProvider = {
        provideOriginalResource: (uri) =>
          uri.fsPath === canvas.fsPath ? this.texts.at(status, "accepted") : undefined,
      };
      this.bases.set(status.folder, control);
    }
    const control = this.bases.get(status.folder);
    if (control) {
      control.count = 0;
    }
  }

  private tellContext(): void {
    const active = vscode.window.activeTextEditor?.document.uri;
    const status = active && canvasStatus(this.server, active);
    const count = status ? (this.found.get(status.folder)?.hunks.length ?? 0) : 0;
    void vscode.commands.executeCommand("setContext", "autoresearch.isCanvas", !!status && status.state !== "none");
    void vscode.commands.executeCommand("setContext", "autoresearch.pending", count);
  }

  dispose(): void {
    this.due.forEach((timer) => clearTimeout(timer));
    vscode.Disposable.from(this.changed, this.written, this.removed, ...this.hooks, ...this.bases.values()).dispose();
  }
}

/** Return what names an experiment among those of all folders. */
export const experimentId = (folder: string, number: number) => `${folder}\n${number}`;

/** Return where a hunk is drawn: its lines, or for lines taken out the line below them. */
function place(document: vscode.TextDocument, hunk: Hunk): vscode.Range {
  const last = document.lineCount - 1;
  const start = Math.min(hunk.start, last);
  const end = Math.min(hunk.start + Math.max(hunk.new.length, 1) - 1, last);
  return new vscode.Range(start, 0, end, document.lineAt(end).text.length);
}
