// Commands that show something: the Experiments view and its filter, the Results page, an experiment, a diff, a copy.

import * as vscode from "vscode";
import { GROUPS, type Experiment } from "../wire";
import { NONE, type Acts, type Asking, type Parts } from "./asking";

export function showingCommands({ server, texts, tree, results }: Parts, asking: Asking): Acts {
  return {
    status: () => vscode.commands.executeCommand("autoresearch.experiments.focus"),
    showResults: async (target) => {
      const status = await asking.campaign(target, "showResults");
      if (status && status.state !== "none") {
        results.show(status);
      } else if (status ?? !server.statuses.size) {
        void vscode.window.showInformationMessage(NONE);
      }
    },
    showDiff: async (target) => {
      const found = await asking.experiment(target, "Show the diff of an experiment");
      return found && texts.diffExperiment(...found);
    },
    showExperiment: async (target) => {
      const found = await asking.experiment(target, "Show an experiment");
      return found && texts.details(found[0], found[1].number);
    },
    diffAccepted: async (target) => {
      const status = await asking.campaign(target, "diffAccepted");
      return status && texts.diffAccepted(status);
    },
    copy: async (target) => {
      const found = await asking.experiment(target, "Copy an experiment");
      return found && copy(found[1]);
    },
    filter: async () => {
      const items = GROUPS.map((label) => ({ label, picked: tree.filter.includes(label) }));
      const title = "Show experiments by verdict (none is all)";
      const chosen = await vscode.window.showQuickPick(items, { canPickMany: true, title });
      return chosen && tree.setFilter(chosen.map((c) => c.label));
    },
    clearFilter: () => tree.setFilter([]),
  };
}

async function copy(e: Experiment): Promise<void> {
  const items = [
    { label: "Markdown row", description: e.row, text: e.row },
    { label: "Commit", description: e.commit, text: e.commit },
    { label: "Score", description: e.text, text: String(e.score ?? "") },
    { label: "Hypothesis", description: e.hypothesis, text: e.hypothesis },
  ];
  const choice = await vscode.window.showQuickPick(items, { title: `Copy of #${e.number}` });
  await (choice && vscode.env.clipboard.writeText(choice.text));
}
