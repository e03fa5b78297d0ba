// Lenses that stay alive. The editor forgets that it wanted to ask for lenses when the text loses the focus a moment later,
// and asks again only once the text has it back. Until then it draws what it knew: old words after something moved, and
// after any extension registered lenses of its own, our words without their commands, which swallow every click.

import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";

const EVERY = 2000; // ms

/** Asks for the lenses of what is visible where the editor has not for a while. */
export class Lenses implements vscode.Disposable {
  private readonly asked = new WeakMap<vscode.TextDocument, number>();
  private readonly timer = setInterval(() => this.ask(), EVERY);

  constructor(private readonly client: LanguageClient) {}

  /** The editor asks for the lenses of a document by itself. */
  look(document: vscode.TextDocument): void {
    this.asked.set(document, Date.now());
  }

  dispose(): void {
    clearInterval(this.timer);
  }

  private ask(): void {
    const since = Date.now() - EVERY;
    for (const { document } of vscode.window.visibleTextEditors) {
      if ((this.asked.get(document) ?? 0) <= since) {
        // of every document that is drawn
        this.client.getFeature("textDocument/codeLens").getProvider(document)?.onDidChangeCodeLensEmitter.fire();
        return;
      }
    }
  }
}
