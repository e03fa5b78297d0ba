// Every command of package.json, registered: what a click is about, that it is answered, and that a failure is a message.

import * as vscode from "vscode";
import type { Status, Target } from "../wire";
import { Asking, type Acts, type Parts } from "./asking";
import { campaignCommands } from "./campaign";
import { reviewCommands } from "./review";
import { showingCommands } from "./showing";
import { supportCommands } from "./support";

export function registerCommands(parts: Parts): vscode.Disposable[] {
  const asking = new Asking(parts);
  const all: Acts = {
    ...campaignCommands(parts, asking),
    ...reviewCommands(parts, asking),
    ...showingCommands(parts, asking),
    ...supportCommands(parts),
  };
  return Object.entries(all).map(([name, act]) =>
    vscode.commands.registerCommand(`autoresearch.${name}`, (...given: [clicked?: Clicked, ...rest: unknown[]]) => {
      const [clicked, ...rest] = given;
      return given.length && !clicked && asking.ofRows.has(name)
        ? vscode.window.showInformationMessage(REDRAWN)
        : visibly(asking.titles.get(name) ?? name, () => act(about(clicked), ...rest));
    }),
  );
}

/** Said of a click on a row that the editor no longer knows: the command is given nothing. A palette gives no argument. */
const REDRAWN = "AutoResearch: this row has changed under the click; click it again.";

type Clicked = Target & { status?: Status };

/** Return what was clicked on as a target; a campaign of the Experiments view is its folder. */
function about(clicked: Clicked | undefined): Target {
  if (clicked instanceof vscode.Uri || !clicked?.status) {
    return clicked ?? {};
  }
  return { folder: clicked.status.folder };
}

/** Run a command so that its click is answered: while it works the status bar says so, and a failure is a message. */
async function visibly(title: string, act: () => unknown): Promise<unknown> {
  const progress = { location: vscode.ProgressLocation.Window, title: `AutoResearch: ${title}` };
  try {
    return await vscode.window.withProgress(progress, async () => await act());
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const words = `AutoResearch: ${title} failed: ${why}. The log says more ('AutoResearch: Show Log').`;
    void vscode.window.showErrorMessage(words);
    return undefined;
  }
}
