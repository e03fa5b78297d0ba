// Lenses that stay alive. The editor forgets that it wanted to ask for lenses when the text loses the focus a moment later,
// and asks again only once the text has it back. Until then it draws what it knew: old words after something moved, and
// after any extension registered lenses of its own, our words without their commands, which swallow every click.

import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";

const EVERY = 2000; // ms
const MANY = 1000, // lenses of one document; the table of a long night has more, and does not move
  MOST = 4 * MANY; // commands that are held

interface Held {
  readonly id: string;
  readonly registration: vscode.Disposable;
  given: unknown[];
}

let count = 0; // over all servers of the window: no id ever means something else

/** Return a command without arguments that runs another with those that were given last. */
function register(command: string): Held {
  const id = `autoresearch.lens.${count++}`;
  const run = (): Thenable<unknown> => vscode.commands.executeCommand(command, ...held.given);
  const held: Held = { id, given: [], registration: vscode.commands.registerCommand(id, run) };
  return held;
}

/** Asks for the lenses of what is visible where the editor has not for a while, and holds the commands of what is drawn. */
export class Lenses implements vscode.Disposable {
  private readonly asked = new WeakMap<vscode.TextDocument, number>();
  private readonly held = new Map<string, Held>(); // the one used last is the last
  private readonly timer = setInterval(() => this.ask(), EVERY);

  constructor(private readonly client: LanguageClient) {}

  /** The editor asks for the lenses of a document by itself. */
  look(document: vscode.TextDocument): void {
    this.asked.set(document, Date.now());
  }

  /**
   * Give lenses commands that work for as long as they are drawn. The editor throws the arguments of a command away with
   * the answer that they came in, and a lens out of sight keeps the command of an old answer until a moment after it is
   * seen again (microsoft/vscode#226936). Without arguments there is nothing to throw away. The document may have changed
   * meanwhile: what a lens is about is found by its id.
   */
  hold(lenses: vscode.CodeLens[]): void {
    for (const lens of lenses.length > MANY ? [] : lenses) {
      const { command, tooltip, title, arguments: given = [] } = lens.command ?? {};
      if (command && title) {
        const about = JSON.stringify([command, given], (name, value: unknown) => (name === "version" ? "" : value));
        const held = this.held.get(about) ?? register(command);
        held.given = given;
        this.held.delete(about);
        this.held.set(about, held);
        lens.command = { title, command: held.id, ...(tooltip && { tooltip }) };
      }
    }
    for (const [about, held] of [...this.held].slice(0, Math.max(0, this.held.size - MOST))) {
      held.registration.dispose();
      this.held.delete(about);
    }
  }

  dispose(): void {
    clearInterval(this.timer);
    vscode.Disposable.from(...[...this.held.values()].map((held) => held.registration)).dispose();
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
