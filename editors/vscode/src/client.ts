// The one server of the window: started, asked, listened to. Keeps the last status of each folder, to draw it; nothing else.

import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { findServer, offerInstall, setting, type Found } from "./server";
import type { Answer, Status, Target } from "./wire";
import { refused } from "./wire";

export class Server implements vscode.Disposable {
  readonly log = vscode.window.createOutputChannel("AutoResearch", { log: true });
  readonly statuses = new Map<string, Status>();
  found: Found | undefined;
  /** What a hover begins with: the hunk that waits here. */
  hoverFirst: ((document: vscode.TextDocument, position: vscode.Position) => vscode.MarkdownString | undefined) | undefined;
  private client: LanguageClient | undefined;
  private turn = Promise.resolve(); // starts and stops happen one after another
  private saying = false;
  private unsaid: { type: number; message: string } | undefined;
  private readonly moved = new vscode.EventEmitter<Status>();
  private readonly lost = new vscode.EventEmitter<void>();
  private readonly looked = new vscode.EventEmitter<vscode.Uri>();
  /** The server told a status. */
  readonly onStatus = this.moved.event;
  /** There is no server any more, and nothing to show. */
  readonly onLost = this.lost.event;
  /** The editor asks for the lenses of a document: what is drawn of it may be old. */
  readonly onLook = this.looked.event;

  get running(): boolean {
    return this.client?.isRunning() ?? false;
  }

  get version(): string {
    return this.client?.initializeResult?.serverInfo?.version ?? "not running";
  }

  /** Start the server where it is found; where it is not, say so once. */
  start(): Promise<void> {
    return this.next(async () => {
      if (!this.running) {
        await this.begin();
      }
    });
  }

  stop(): Promise<void> {
    return this.next(() => this.end());
  }

  restart(): Promise<void> {
    return this.next(() => this.begin());
  }

  private next(act: () => Promise<void>): Promise<void> {
    this.turn = this.turn.then(act).catch((error: unknown) => this.log.error(String(error)));
    return this.turn;
  }

  private async end(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    await client?.dispose().catch((error: unknown) => this.log.warn(String(error)));
  }

  private async begin(): Promise<void> {
    await this.end();
    this.found = await findServer();
    void vscode.commands.executeCommand("setContext", "autoresearch.missing", !this.found);
    if (!this.found) {
      this.log.warn("the autoresearch command was not found");
      this.statuses.clear();
      this.lost.fire();
      void offerInstall();
      return;
    }
    this.log.info(`${this.found.path} lsp (from ${this.found.from})`);
    const { languageClient } = await import("./language.js");
    const client = languageClient(this.found.path, this.log, {
      look: (uri) => this.looked.fire(uri),
      hover: (document, position) => this.hoverFirst?.(document, position),
    });
    this.client = client;
    client.onNotification("autoresearch/status", (status: Status) => {
      this.statuses.set(status.folder, status);
      this.moved.fire(status);
    });
    client.onNotification("window/showMessage", (said: { type: number; message: string }) => void this.say(said));
    await client.start();
    for (const program of await vscode.workspace.findFiles("**/program.md", "**/{node_modules,.venv}/**", 20)) {
      await this.request("autoresearch/history", { uri: program.toString() });
    }
  }

  /** Ask a custom request; undefined where there is no server, or where it refuses. */
  async request<T extends object>(method: string, params: object): Promise<T | undefined> {
    if (!this.client || !this.running) {
      return undefined;
    }
    try {
      const answer = await this.client.sendRequest<T>(method, params);
      if (refused(answer)) {
        this.log.debug(`${method}: ${answer.message}`);
        return undefined;
      }
      return answer;
    } catch (error) {
      this.log.warn(`${method}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }

  /** Run a command of the server; a refusal is shown here, so the server need not. */
  async run(name: string, target: Target = {}): Promise<Answer | undefined> {
    await this.start();
    if (!this.client || !this.running) {
      return undefined;
    }
    const params = { command: `autoresearch.${name}`, arguments: [{ ...target, quiet: true }] };
    const answer = await this.client.sendRequest<Answer>("workspace/executeCommand", params);
    if (!answer.ok) {
      void vscode.window.showWarningMessage(`AutoResearch: ${answer.message}`);
    }
    return answer;
  }

  /** Show what the server says; good news that nobody has looked at yet is replaced by newer, never piled up. */
  private async say(said: { type: number; message: string }): Promise<void> {
    const { type, message } = said;
    const wanted = setting<"all" | "problems" | "none">("notifications", "all");
    if (wanted === "none" || (wanted === "problems" && type > 2)) {
      return;
    }
    if (type > 2 && this.saying) {
      this.unsaid = said;
      return;
    }
    this.saying ||= type > 2;
    const show = [undefined, vscode.window.showErrorMessage, vscode.window.showWarningMessage][type];
    const choice = await (show ?? vscode.window.showInformationMessage)(message, "Results", "Don't Show Again");
    const { unsaid } = this;
    if (type > 2) {
      this.saying = false;
      this.unsaid = undefined;
    }
    if (choice === "Results") {
      await vscode.commands.executeCommand("autoresearch.showResults");
    } else if (choice) {
      const config = vscode.workspace.getConfiguration("autoresearch");
      await config.update("notifications", type > 2 ? "problems" : "none", vscode.ConfigurationTarget.Global);
    } else if (type > 2 && unsaid) {
      await this.say(unsaid);
    }
  }

  dispose(): void {
    void this.stop();
    this.moved.dispose();
    this.lost.dispose();
    this.looked.dispose();
    this.log.dispose();
  }
}
