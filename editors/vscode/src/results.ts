// The Results page: a webview that draws what the server tells and asks for commands. It loads nothing from elsewhere.

import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import { prefix, statusOf } from "./campaigns";
import type { Server } from "./client";
import type { Experiments } from "./tree";
import type { Asked, Shown, Status } from "./wire";

const TYPE = "autoresearch.results";
const ALLOWED = new Set([
  "showDiff",
  "showExperiment",
  "start",
  "pause",
  "resume",
  "stop",
  "pull",
  "report",
  "verify",
  "diffAccepted",
]);

export class Results implements vscode.WebviewPanelSerializer, vscode.Disposable {
  private readonly panels = new Map<string, vscode.WebviewPanel>(); // folder → panel, "" before one is known
  private readonly hooks: vscode.Disposable[];

  constructor(
    private readonly server: Server,
    private readonly tree: Experiments,
    private readonly extension: vscode.Uri,
  ) {
    this.hooks = [
      vscode.window.registerWebviewPanelSerializer(TYPE, this),
      server.onStatus((status) => void this.send(status)),
      tree.onDidChangeTreeData(() => server.statuses.forEach((status) => void this.send(status))),
    ];
  }

  show(status: Status): void {
    const known = this.panels.get(status.folder);
    if (known) {
      known.reveal();
      return;
    }
    const panel = vscode.window.createWebviewPanel(TYPE, "Results", vscode.ViewColumn.Active, {});
    this.fill(panel, status.folder);
  }

  deserializeWebviewPanel(panel: vscode.WebviewPanel, state: { folder?: string } | undefined): Promise<void> {
    this.fill(panel, state?.folder ?? "");
    return Promise.resolve();
  }

  private fill(panel: vscode.WebviewPanel, folder: string): void {
    const dist = vscode.Uri.joinPath(this.extension, "dist");
    this.panels.set(folder, panel);
    panel.title = this.title(folder);
    panel.iconPath = vscode.Uri.joinPath(this.extension, "media", "icon.png");
    panel.webview.options = { enableScripts: true, localResourceRoots: [dist] };
    panel.webview.onDidReceiveMessage((asked: Asked) => void this.asked(folder, asked));
    const look = (active: boolean) => {
      const own = folder || statusOf(this.server)?.folder;
      if (active || this.server.looking === own) {
        this.server.looking = active ? own : undefined;
        this.server.focus(this.server.looking);
      }
    };
    panel.onDidChangeViewState(() => look(panel.active));
    panel.onDidDispose(() => {
      this.panels.delete(folder);
      look(false);
    });
    look(panel.active);
    const nonce = randomBytes(16).toString("hex");
    const [script, style] = ["results.js", "results.css"].map((f) =>
      panel.webview.asWebviewUri(vscode.Uri.joinPath(dist, f)),
    );
    const policy = `default-src 'none'; style-src ${panel.webview.cspSource}; script-src 'nonce-${nonce}'`;
    panel.webview.html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width"><title>Results</title><link rel="stylesheet" href="${style}"></head>
<body><main id="page"></main><script nonce="${nonce}" src="${script}"></script></body></html>`;
  }

  private title(folder: string): string {
    return `AutoResearch Results${folder && prefix(this.server, folder).replace(/^(.*): $/, " · $1")}`;
  }

  private async asked(folder: string, asked: Asked): Promise<void> {
    const status = statusOf(this.server, folder ? { folder } : {});
    if (asked.ask === "run" && ALLOWED.has(asked.command)) {
      const target = { folder: status?.folder ?? folder, experiment: asked.experiment };
      await vscode.commands.executeCommand(`autoresearch.${asked.command}`, target);
    } else if (asked.ask === "ready" && status) {
      await this.tree.history(status.folder);
      await this.send(status);
    }
  }

  private async send(status: Status): Promise<void> {
    const panel = this.panels.get(status.folder) ?? this.panels.get("");
    if (panel) {
      panel.title = this.title(status.folder);
    }
    const shown: Shown = { status, history: this.tree.drawn(status.folder) };
    await panel?.webview.postMessage(shown);
  }

  dispose(): void {
    vscode.Disposable.from(...this.hooks, ...this.panels.values()).dispose();
  }
}
