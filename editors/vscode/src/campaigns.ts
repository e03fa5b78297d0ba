// Which campaign and which document is meant: by a lens, a tree item, the active editor, or the only one there is.

import { sep } from "node:path";
import * as vscode from "vscode";
import type { Server } from "./client";
import type { Status, Target } from "./wire";

/** Return the status of the campaign that a target, else the active editor, is about. */
export function statusOf(server: Server, target: Target = {}): Status | undefined {
  const all = [...server.statuses.values()];
  const path = target.uri ? vscode.Uri.parse(target.uri).fsPath : vscode.window.activeTextEditor?.document.uri.fsPath;
  const folder = target.folder ?? all
    .map((s) => s.folder)
    .filter((f) => path?.startsWith(f + sep))
    .sort((a, b) => b.length - a.length)[0];
  return all.find((s) => s.folder === folder) ?? all.find((s) => s.state !== "none") ?? all[0];
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
