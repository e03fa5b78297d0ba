// Which campaign and which document is meant: by a lens, a tree item, what is looked at, or the only one there is.

import { basename, relative, sep } from "node:path";
import * as vscode from "vscode";
import type { Server } from "./client";
import type { Status, Target } from "./wire";

/** Return the status of the campaign that a target is about; without one, of what is looked at, or was looked at last. */
export function statusOf(server: Server, target: Target = {}): Status | undefined {
  const all = [...server.statuses.values()];
  return (
    meant(server, target) ?? all.find((s) => s.folder === server.near) ?? all.find((s) => s.state !== "none") ?? all[0]
  );
}

/** Return the same where it is clear; else ask, among those that have a campaign where one is needed. */
export async function chosenStatus(
  server: Server,
  target: Target,
  title: string,
  any = false,
): Promise<Status | undefined> {
  const all = [...server.statuses.values()];
  const found = meant(server, target);
  const fit = all.filter((s) => any || s.state !== "none");
  if (found ?? fit.length < 2) {
    return found ?? fit[0] ?? all[0];
  }
  const items = fit.map((s) => ({ label: folderName(s.folder), description: s.text || "no campaign yet", s }));
  return (await vscode.window.showQuickPick(items, { title: `${title}: which folder?` }))?.s;
}

/** Return the status that a target names, or that belongs to what is active; undefined where neither says. */
function meant(server: Server, target: Target): Status | undefined {
  const active = vscode.window.activeTextEditor?.document.uri;
  const folder =
    target.folder ??
    (target.uri
      ? folderOf(server, vscode.Uri.parse(target.uri))
      : (server.looking ?? (active && folderOf(server, active))));
  return folder === undefined ? undefined : server.statuses.get(folder);
}

/** Return the folder whose campaign a file, or one of our own texts, belongs to. */
export function folderOf(server: Server, uri: vscode.Uri): string | undefined {
  if (uri.scheme === "autoresearch") {
    return (JSON.parse(uri.query) as { folder?: string }).folder;
  }
  const around = [...server.statuses.keys()].filter(
    (folder) => uri.scheme === "file" && uri.fsPath.startsWith(folder + sep),
  );
  return around.sort((a, b) => b.length - a.length)[0];
}

/** Return what has a campaign, or is a folder of the window itself: examples below one are no folders to speak of. */
export function listed(server: Server): Status[] {
  const roots = new Set(vscode.workspace.workspaceFolders?.map((root) => root.uri.fsPath));
  return [...server.statuses.values()].filter((s) => s.state !== "none" || roots.has(s.folder));
}

/** Return `name: ` where more than one folder is listed, "" where nobody asks which. */
export function prefix(server: Server, folder: string): string {
  return listed(server).length > 1 ? `${folderName(folder)}: ` : "";
}

/** Return what the window calls a folder. */
export function folderName(folder: string): string {
  const root = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(folder));
  return root
    ? [root.name, ...relative(root.uri.fsPath, folder).split(sep)].filter(Boolean).join("/")
    : basename(folder);
}

export function canvasUri(status: Status): vscode.Uri {
  return vscode.Uri.joinPath(vscode.Uri.file(status.folder), status.canvas ?? "train.py");
}

/** Return the editor that shows the canvas of any known campaign, the active one first. */
export function canvasEditor(server: Server): { editor: vscode.TextEditor; status: Status } | undefined {
  const { activeTextEditor: active, visibleTextEditors: visible } = vscode.window;
  for (const editor of active ? [active, ...visible] : visible) {
    const status = canvasStatus(server, editor.document.uri);
    if (status) {
      return { editor, status };
    }
  }
  return undefined;
}

/** Return the campaign whose canvas a document is. */
export function canvasStatus(server: Server, uri: vscode.Uri): Status | undefined {
  return [...server.statuses.values()].find((s) => uri.scheme === "file" && canvasUri(s).fsPath === uri.fsPath);
}
