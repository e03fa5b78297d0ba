// Commands of the review: bring what was kept into the canvas, accept or revert it, go from hunk to hunk, commit.

import * as vscode from "vscode";
import { canvasEditor } from "../campaigns";
import type { Act, Acts, Asking, Parts } from "./asking";

export function reviewCommands({ server }: Parts, asking: Asking): Acts {
  const onExperiment =
    (name: string, title: string): Act =>
    async (target) => {
      const found = await asking.experiment(target, title);
      return found && asking.run(name, { folder: found[0].folder, experiment: found[1].number });
    };
  const onHunk =
    (name: string): Act =>
    (target, ...rest) => {
      const which = asking.hunk(target, rest);
      return which
        ? asking.run(name, which)
        : vscode.window.showInformationMessage("AutoResearch: open the canvas first.");
    };
  const go =
    (name: string): Act =>
    async (target) => {
      const shown = canvasEditor(server)?.editor;
      const here = target.line === undefined && shown ? { line: shown.selection.active.line } : {};
      const answer = await asking.run(name, target, here);
      if (answer?.ok) {
        vscode.window.setStatusBarMessage(`$(diff) AutoResearch: ${answer.message}`, 5000);
      }
    };
  return {
    pull: (target) => asking.run("pull", target),
    restore: onExperiment("pull", "Restore an experiment in the canvas"),
    acceptHunk: onHunk("acceptHunk"),
    revertHunk: onHunk("revertHunk"),
    acceptExperiment: onExperiment("acceptExperiment", "Accept every hunk of an experiment"),
    revertExperiment: onExperiment("revertExperiment", "Revert every hunk of an experiment"),
    acceptAll: (target) => asking.run("acceptAll", target),
    undoRevert: (target) => asking.run("undoRevert", target),
    commitAccepted: (target) => asking.run("commitAccepted", target),
    nextHunk: go("nextHunk"),
    previousHunk: go("previousHunk"),
    measureEdit: async (target) => {
      const prompt = "What do you expect of it? (may be empty)";
      const hypothesis = await vscode.window.showInputBox({ title: "Measure my edit", prompt });
      return hypothesis !== undefined && asking.run("measureEdit", target, { hypothesis });
    },
  };
}
