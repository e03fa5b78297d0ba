// Where the `autoresearch` command is: setting, the workspace's .venv, PATH, the Python extension's interpreter.

import { access, constants } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import * as vscode from "vscode";

const WINDOWS = process.platform === "win32";
const NAME = WINDOWS ? "autoresearch.exe" : "autoresearch";
const SCRIPTS = WINDOWS ? "Scripts" : "bin";

export interface Found {
  path: string;
  from: "setting" | ".venv" | "PATH" | "Python extension";
}

interface PythonApi {
  environments?: { getActiveEnvironmentPath?(resource?: vscode.Uri): { path: string } };
}

async function runnable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

export function setting<T>(name: string, fallback: T): T {
  return vscode.workspace.getConfiguration("autoresearch").get<T>(name, fallback);
}

/** Return the command to run, or undefined. A path that is set and wrong is not silently replaced by another. */
export async function findServer(): Promise<Found | undefined> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const set = setting("server.path", "").trim();
  if (set) {
    const path = set.replace("${workspaceFolder}", folders[0]?.uri.fsPath ?? "");
    return (await runnable(path)) ? { path, from: "setting" } : undefined;
  }
  for (const folder of folders) {
    const path = join(folder.uri.fsPath, ".venv", SCRIPTS, NAME);
    if (await runnable(path)) {
      return { path, from: ".venv" };
    }
  }
  for (const place of (process.env.PATH ?? "").split(delimiter).filter(Boolean)) {
    if (await runnable(join(place, NAME))) {
      return { path: join(place, NAME), from: "PATH" };
    }
  }
  return besideInterpreter(folders[0]?.uri);
}

async function besideInterpreter(resource: vscode.Uri | undefined): Promise<Found | undefined> {
  const python = vscode.extensions.getExtension<PythonApi>("ms-python.python");
  if (!python) {
    return undefined;
  }
  const api = python.isActive ? python.exports : await python.activate();
  const interpreter = api.environments?.getActiveEnvironmentPath?.(resource).path;
  const path = interpreter && join(dirname(interpreter), NAME);
  return path && (await runnable(path)) ? { path, from: "Python extension" } : undefined;
}

/** Open a terminal with the install command typed in; it is not run. */
export function openInstall(): void {
  const terminal = vscode.window.createTerminal("Install AutoResearch");
  terminal.show();
  terminal.sendText(setting("server.installCommand", "pipx install 'autoresearch-lsp[train]'"), false);
}

/** Say once that the server is missing, and offer what helps. */
export async function offerInstall(): Promise<void> {
  const set = setting("server.path", "").trim();
  const what = set
    ? `AutoResearch: ${set} (autoresearch.server.path) is not a program that can be run.`
    : "AutoResearch: the 'autoresearch' command was not found in .venv or on PATH.";
  const choice = await vscode.window.showWarningMessage(what, "Install…", "Open Settings", "Retry");
  if (choice === "Install…") {
    openInstall();
  } else if (choice === "Open Settings") {
    await vscode.commands.executeCommand("workbench.action.openSettings", "autoresearch.server.path");
  } else if (choice === "Retry") {
    await vscode.commands.executeCommand("autoresearch.restartServer");
  }
}
