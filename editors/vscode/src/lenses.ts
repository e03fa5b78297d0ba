// Lenses that are neither old nor dead. The editor waits before it asks for lenses, the longer the slower the last answers
// were, and again before it draws them. Telling it that something moved begins the wait anew and cuts short a look under
// way: told again and again, it never draws anything. And when the text loses the focus, it forgets that it wanted to look,
// and asks again only once the text has it back. Until then it draws what it knew: old words, and after any extension
// registered lenses of its own, our words without their commands, which swallow every click.

import * as vscode from "vscode";
import { CodeLensRefreshRequest, type LanguageClient } from "vscode-languageclient/node";

const EVERY = 2000, // ms without a look at what is visible
  PAUSE = 700; // ms from an answer to the next look: the editor waits 250 to 400 before it draws
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

/** Tells the editor when to ask for lenses, and holds the commands of what it draws. */
export class Lenses implements vscode.Disposable {
  private readonly asked = new WeakMap<vscode.TextDocument, number>(); // when the editor did
  private readonly held = new Map<string, Held>(); // the one used last is the last
  private readonly timer = setInterval(() => this.look(), EVERY);
  private looks = 0; // under way
  private moved = false; // something, since they began
  private told = 0; // when, where the editor has not begun to look since
  private patience = EVERY;
  private soon: NodeJS.Timeout | undefined;

  constructor(private readonly client: LanguageClient) {}

  /** Have what the server says has moved looked at as soon as that puts off no other look. Call it once it has started. */
  follow(): void {
    this.client.onRequest(CodeLensRefreshRequest.type, () => {
      if (this.looks || this.soon) {
        this.moved = true;
      } else if (!this.waits()) {
        this.tell();
      }
    });
  }

  /** Return what the editor asks for. */
  async answer<T>(document: vscode.TextDocument, look: () => vscode.ProviderResult<T>): Promise<T | null | undefined> {
    this.asked.set(document, Date.now());
    this.told = 0;
    this.patience = EVERY;
    this.looks++;
    try {
      return await look();
    } finally {
      this.looks--;
      clearTimeout(this.soon);
      this.soon = setTimeout(() => this.rested(), PAUSE);
    }
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
    clearTimeout(this.soon);
    vscode.Disposable.from(...[...this.held.values()].map((held) => held.registration)).dispose();
  }

  /** Tell the editor where it has not looked for a while; where it was told and may have forgotten, wait twice as long. */
  private look(): void {
    const since = Date.now() - EVERY;
    const old = vscode.window.visibleTextEditors.some(({ document }) => (this.asked.get(document) ?? 0) <= since);
    if (old && !this.looks && !this.waits()) {
      this.patience *= this.told ? 2 : 1;
      this.tell();
    }
  }

  /** Tell it of what moved while it looked and drew. */
  private rested(): void {
    this.soon = undefined;
    if (this.moved && !this.looks) {
      this.moved = false;
      this.tell();
    }
  }

  private waits(): boolean {
    return Date.now() < this.told + this.patience;
  }

  private tell(): void {
    this.told = Date.now();
    const feature = this.client.getFeature("textDocument/codeLens");
    const seen = vscode.window.visibleTextEditors.map((editor) => feature.getProvider(editor.document));
    new Set(seen).forEach((provider) => provider?.onDidChangeCodeLensEmitter.fire());
  }
}
