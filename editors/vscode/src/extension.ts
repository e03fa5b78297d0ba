// VS Code's half of AutoResearch: puts the parts together. All logic is in the server, all state in git and the journal.

import * as vscode from "vscode";
import { Server } from "./client";
import { registerCommands } from "./commands/register";
import { Results } from "./results";
import { Review } from "./review";
import { StatusItem } from "./status";
import { Texts } from "./texts";
import { Experiments } from "./tree";

const RESTARTS = ["server.path", "codeLens", "inlayHints", "diagnostics", "quickDiff"].map(
  (name) => `autoresearch.${name}`,
);
let server: Server | undefined;

export function activate(context: vscode.ExtensionContext): void {
  server = new Server();
  const texts = new Texts(server);
  const review = new Review(server, texts, context.extensionUri);
  const tree = new Experiments(server, review, context.workspaceState);
  const results = new Results(server, tree, context.extensionUri);
  const status = new StatusItem(server);
  context.subscriptions.push(
    server,
    texts,
    review,
    tree,
    results,
    status,
    ...registerCommands({ server, texts, review, tree, results, context }),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (RESTARTS.some((name) => change.affectsConfiguration(name))) {
        void server?.restart();
      }
    }),
  );
  // Not awaited: the window does not wait for a Python process.
  void server.start().then(() => status.draw());
}

export function deactivate(): Promise<void> | undefined {
  return server?.stop();
}
