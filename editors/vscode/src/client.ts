// The one server of the window: started, asked, listened to. Keeps the last status of each folder, to draw it; nothing else.

import { sep } from "node:path";
import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { folderOf, prefix } from "./campaigns";
import { findServer, offerInstall, setting, type Found } from "./server";
import type { Answer, Status, Target } from "./wire";
import { refused } from "./wire";

interface Said {
  type: number;
  message: string;
  folder: string | undefined;
}

export class Server implements vscode.Disposable {
  readonly log = vscode.window.createOutputChannel("AutoResearch", { log: true });
  readonly statuses = new Map<string, Status>();
  found: Found | undefined;
  /** The folder of the results page that is active; no text editor is then. */
  looking: string | undefined;
  /** The folder of what was looked at last: what is drawn stays where nothing of a campaign is active. */
  near: string | undefined;
  /** What a hover begins with: the hunk that waits here. */
  hoverFirst:
    ((document: vscode.TextDocument, position: vscode.Position) => vscode.MarkdownString | undefined) | undefined;
  private client: LanguageClient | undefined;
  private turn = Promise.resolve(); // starts and stops happen one after another
  private saying = false;
  private unsaid: Said | undefined;
  private told: string | undefined; // the folder of the last status: what is said next is about it
  private readonly hooks = [
    vscode.window.onDidChangeActiveTextEditor((editor) => this.focus(editor && folderOf(this, editor.document.uri))),
    vscode.workspace.onDidChangeWorkspaceFolders((change) => void this.next(() => this.folders(change))),
  ];
  private readonly moved = new vscode.EventEmitter<Status>();
  private readonly lost = new vscode.EventEmitter<void>();
  private readonly looked = new vscode.EventEmitter<vscode.Uri>();
  private readonly focused = new vscode.EventEmitter<void>();
  /** The server told a status. */
  readonly onStatus = this.moved.event;
  /** There is no server any more, or folders have left: what is shown may be too much. */
  readonly onLost = this.lost.event;
  /** The editor asks for the lenses of a document: what is drawn of it may be old. */
  readonly onLook = this.looked.event;
  /** Something else is active, maybe of another campaign. */
  readonly onFocus = this.focused.event;

  get running(): boolean {
    return this.client?.isRunning() ?? false;
  }

  get version(): string {
    return this.client?.initializeResult?.serverInfo?.version ?? "not running";
  }

  /** Something of this folder is active now. */
  focus(folder: string | undefined): void {
    this.near = folder ?? this.near;
    this.focused.fire();
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
    void vscode.commands.executeCommand("setContext", "autoresearch.found", !!this.found);
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
      this.told = status.folder;
      this.statuses.set(status.folder, status);
      this.moved.fire(status);
    });
    client.onNotification("window/showMessage", (said: Said) => void this.say({ ...said, folder: this.told }));
    await client.start();
    await this.look("**/program.md");
  }

  /** Ask for every campaign below the window's folders, or one of them: the server looks after what it was asked about. */
  private async look(programs: vscode.GlobPattern): Promise<void> {
    for (const program of await vscode.workspace.findFiles(programs, "**/{node_modules,.venv}/**", 20)) {
      await this.request("autoresearch/history", { uri: program.toString() });
    }
  }

  /** Folders have come into the window, or left it: what left is no longer drawn. */
  private async folders({ added, removed }: vscode.WorkspaceFoldersChangeEvent): Promise<void> {
    for (const folder of this.statuses.keys()) {
      const uri = vscode.Uri.file(folder);
      if (
        removed.some((gone) => folder === gone.uri.fsPath || folder.startsWith(gone.uri.fsPath + sep)) &&
        !vscode.workspace.getWorkspaceFolder(uri)
      ) {
        this.statuses.delete(folder);
      }
    }
    this.lost.fire();
    for (const folder of added) {
      await this.look(new vscode.RelativePattern(folder, "**/program.md"));
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

  /** Run a command of the server; a refusal is shown here, so the server need not: unless nobody asked for it. */
  async run(name: string, target: Target = {}, asked = true): Promise<Answer | undefined> {
    await this.start();
    if (!this.client || !this.running) {
      if (asked && this.found) {
        // a server that is not found has been said
        void vscode.window
          .showErrorMessage(
            `AutoResearch: the server (${this.found.path} lsp) does not run. Its log says why.`,
            "Show Log",
          )
          .then((choice) => choice && this.log.show());
      }
      return undefined;
    }
    const params = { command: `autoresearch.${name}`, arguments: [{ ...target, quiet: true }] };
    const answer = await this.client.sendRequest<Answer>("workspace/executeCommand", params);
    if (!answer.ok && asked) {
      void vscode.window.showWarningMessage(`AutoResearch: ${answer.message}`);
    }
    return answer;
  }

  /** Show what the server says; good news that nobody has looked at yet is replaced by newer, never piled up. */
  private async say(said: Said): Promise<void> {
    const { type, folder } = said;
    const message = folder ? said.message.replace(/^AutoResearch: /, `$&${prefix(this, folder)}`) : said.message;
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
      await vscode.commands.executeCommand("autoresearch.showResults", { folder });
    } else if (choice) {
      const config = vscode.workspace.getConfiguration("autoresearch");
      await config.update("notifications", type > 2 ? "problems" : "none", vscode.ConfigurationTarget.Global);
    } else if (type > 2 && unsaid) {
      await this.say(unsaid);
    }
  }

  dispose(): void {
    void this.stop();
    vscode.Disposable.from(...this.hooks).dispose();
    this.moved.dispose();
    this.lost.dispose();
    this.looked.dispose();
    this.focused.dispose();
    this.log.dispose();
  }
}
