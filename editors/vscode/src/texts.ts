// Texts of the canvas in git, as read-only documents: the server gives them, the editor's own diff shows them.

import { basename } from "node:path";
import * as vscode from "vscode";
import { canvasUri } from "./campaigns";
import type { Server } from "./client";
import type { Experiment, Status } from "./wire";

const SCHEME = "autoresearch";

export class Texts implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;
  private readonly moving = new Map<string, vscode.Uri>(); // `accepted` and `incumbent` move while they are shown
  private readonly hook = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);

  constructor(private readonly server: Server) {}

  /** Return the document of the canvas at a commit, at `accepted` or at `incumbent`. */
  at(status: Status, at: string): vscode.Uri {
    const name = basename(canvasUri(status).path);
    const uri = vscode.Uri.from({
      scheme: SCHEME,
      path: `/${at.slice(0, 9)}/${name}`,
      query: JSON.stringify({ folder: status.folder, at }),
    });
    if (!/^[0-9a-f]{40}/.test(at)) {
      this.moving.set(uri.toString(), uri);
    }
    return uri;
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const asked = JSON.parse(uri.query) as { at?: string; experiment?: number };
    if (asked.experiment !== undefined) {
      const found = await this.server.request<{ markdown: string; diff: string }>("autoresearch/experiment", asked);
      return found ? `${found.markdown}\n\n\`\`\`diff\n${found.diff.replaceAll("```", "` ` `")}\n\`\`\`\n` : "";
    }
    return asked.at ? ((await this.server.request<{ text: string }>("autoresearch/text", asked))?.text ?? "") : "";
  }

  /** Read again what may have moved. */
  refresh(): void {
    this.moving.forEach((uri) => this.changed.fire(uri));
  }

  async diffExperiment(status: Status, experiment: Experiment): Promise<void> {
    const title = `#${experiment.number} ${experiment.text} ${experiment.hypothesis}`.slice(0, 60);
    await this.diff(this.at(status, experiment.parent || experiment.commit), this.at(status, experiment.commit), title);
  }

  async diffAccepted(status: Status): Promise<void> {
    const title = `${basename(canvasUri(status).path)}: accepted ↔ incumbent`;
    await this.diff(this.at(status, "accepted"), this.at(status, "incumbent"), title);
  }

  private async diff(left: vscode.Uri, right: vscode.Uri, title: string): Promise<void> {
    await vscode.commands.executeCommand("vscode.diff", left, right, title, { preview: true });
  }

  /** Show everything about an experiment, rendered. */
  async details(status: Status, number: number): Promise<void> {
    const query = JSON.stringify({ folder: status.folder, experiment: number });
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${number}/Experiment ${number}.md`, query });
    await vscode.commands.executeCommand("markdown.showPreview", uri);
  }

  dispose(): void {
    vscode.Disposable.from(this.changed, this.hook).dispose();
  }
}
