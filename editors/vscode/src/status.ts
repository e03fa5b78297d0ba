// The one status bar item. Its words are the server's; the tooltip has the rest, and links.

import * as vscode from "vscode";
import { folderName, prefix, statusOf } from "./campaigns";
import type { Server } from "./client";
import type { Status } from "./wire";

const ICONS: Record<Status["state"], string> = {
  none: "beaker",
  preparing: "loading~spin",
  running: "sync~spin",
  paused: "debug-pause",
  stopped: "debug-stop",
  finished: "check-all",
};

export class StatusItem implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem("autoresearch.status", vscode.StatusBarAlignment.Left, 50);
  private readonly hooks: vscode.Disposable[];

  constructor(private readonly server: Server) {
    this.item.name = "AutoResearch";
    this.hooks = [
      server.onStatus(() => this.draw()),
      server.onLost(() => this.draw()),
      server.onFocus(() => this.draw()),
    ];
    this.draw();
    this.item.show();
  }

  draw(): void {
    const status = statusOf(this.server);
    void vscode.commands.executeCommand("setContext", "autoresearch.state", status?.state ?? "none");
    this.item.backgroundColor = undefined;
    if (!status || status.state === "none") {
      const missing = !this.server.found && !this.server.running;
      this.item.text = `$(${missing ? "beaker-stop" : "beaker"}) AutoResearch`;
      this.item.tooltip = missing
        ? "The autoresearch command was not found"
        : `Start a campaign${status && prefix(this.server, status.folder) ? ` in ${folderName(status.folder)}` : ""}`;
      this.item.command = missing ? "autoresearch.restartServer" : command("start", status);
    } else {
      this.item.text = `$(${ICONS[status.state]}) ${prefix(this.server, status.folder)}${status.text.replace(/^[◌●‖■✓✗]\s*/u, "")}`;
      this.item.command = command("showResults", status);
      this.item.tooltip = tooltip(status);
    }
    if (status?.health === "error") {
      this.item.backgroundColor = new vscode.ThemeColor("statusBarItem.warningBackground");
      this.item.text = "$(warning) AutoResearch";
      this.item.tooltip = status.message;
    }
    this.item.accessibilityInformation = { label: `AutoResearch: ${status?.text ?? "no campaign"}` };
  }

  dispose(): void {
    vscode.Disposable.from(this.item, ...this.hooks).dispose();
  }
}

export function commandLink(title: string, command: string, argument?: object): string {
  const given = argument ? `?${encodeURIComponent(JSON.stringify([argument]))}` : "";
  return `[${title}](command:autoresearch.${command}${given})`;
}

function command(name: string, status: Status | undefined): vscode.Command {
  return { title: "", command: `autoresearch.${name}`, arguments: status ? [{ folder: status.folder }] : [] };
}

function tooltip(s: Status): vscode.MarkdownString {
  const text = new vscode.MarkdownString("", true);
  text.isTrusted = {
    enabledCommands: ["pause", "resume", "stop", "start", "showResults", "pull", "showLog"].map(
      (c) => `autoresearch.${c}`,
    ),
  };
  text.appendMarkdown(`**AutoResearch**   ${s.campaign ?? ""} · ${s.state}\n\n`);
  if (s.rows.length) {
    text.appendMarkdown("| | |\n|---|---|\n");
    for (const [name, value] of s.rows) {
      text.appendMarkdown(`| ${name} | `);
      text.appendText(value.replaceAll("|", "¦"));
      text.appendMarkdown(" |\n");
    }
  }
  const link = (title: string, name: string) => commandLink(title, name, { folder: s.folder });
  const verbs = s.quiescent
    ? [link(s.state === "paused" ? "$(play) Resume" : "$(play) Continue", s.state === "paused" ? "resume" : "start")]
    : [link("$(debug-pause) Pause", "pause"), link("$(debug-stop) Stop", "stop")];
  text.appendMarkdown(
    `\n\n${[link("$(graph-line) Results", "showResults"), link("$(cloud-download) Pull", "pull"), ...verbs].join("   ")}`,
  );
  return text;
}
