// The language client, a bundle of its own: it is loaded once the window is up. It leaves commands and progress to us:
// commands exist before the server does, and the campaign's progress is our status bar item.

import * as vscode from "vscode";
import { LanguageClient } from "vscode-languageclient/node";
import type { DynamicFeature, InitializeParams, StaticFeature } from "vscode-languageclient/node";
import { Lenses } from "./lenses";
import { setting } from "./server";

const LENS_ICONS: Record<string, string> = { "▶": "play", "⏸": "debug-pause", "■": "debug-stop" };

/** What is told and asked while the editor draws. */
export interface Hooks {
  /** The editor asks for the lenses of a document: what is drawn of it may be old. */
  look(uri: vscode.Uri): void;
  /** What a hover begins with: the hunk that waits here. */
  hover(document: vscode.TextDocument, position: vscode.Position): vscode.MarkdownString | undefined;
}

class Client extends LanguageClient {
  readonly lenses = new Lenses(this);

  override registerFeature(feature: StaticFeature | DynamicFeature<unknown>): void {
    if (!("registrationType" in feature) || feature.registrationType.method !== "workspace/executeCommand") {
      super.registerFeature(feature);
    }
  }

  override async start(): Promise<void> {
    await super.start();
    this.lenses.follow();
  }

  override dispose(timeout?: number): Promise<void> {
    this.lenses.dispose();
    return super.dispose(timeout);
  }
}

const shows = (name: string) => setting<boolean>(`${name}.enabled`, true);

/** Return a client of the command at `path`, not started. */
export function languageClient(path: string, log: vscode.LogOutputChannel, hooks: Hooks): LanguageClient {
  const options = { command: path, args: ["lsp"] };
  const client: Client = new Client(
    "autoresearch",
    "AutoResearch",
    { run: options, debug: options },
    {
      documentSelector: [
        { scheme: "file", language: "python" },
        { scheme: "file", pattern: "**/program.md" },
        { scheme: "file", pattern: "**/results{,-*}.tsv" },
      ],
      outputChannel: log,
      middleware: {
        provideCodeLenses: async (document, token, next) => {
          hooks.look(document.uri);
          const lenses = await client.lenses.answer(document, () => (shows("codeLens") ? next(document, token) : []));
          for (const { command } of lenses ?? []) {
            if (command) {
              command.title = command.title.replace(/^([▶⏸■]) /u, (_, mark: string) => `$(${LENS_ICONS[mark]})\u00a0`);
            }
          }
          client.lenses.hold(lenses ?? []);
          return lenses;
        },
        provideHover: async (document, position, token, next) => {
          const first = hooks.hover(document, position);
          const rest = await next(document, position, token);
          return first ? new vscode.Hover([first, ...(rest?.contents ?? [])], rest?.range) : rest;
        },
        provideInlayHints: (document, range, token, next) => (shows("inlayHints") ? next(document, range, token) : []),
        handleDiagnostics: (uri, found, next) => {
          const pending = setting<boolean>("diagnostics.pendingHunks", false);
          const kept = found.filter((d) => pending || d.severity !== vscode.DiagnosticSeverity.Information);
          next(uri, shows("diagnostics") ? kept : []);
        },
      },
    },
  );
  client.registerFeature({
    fillInitializeParams: () => undefined,
    fillClientCapabilities: (all: InitializeParams["capabilities"]) => {
      all.experimental = { ...(all.experimental as object | undefined), autoresearch: true };
      all.window = { ...all.window, workDoneProgress: false };
    },
    initialize: () => undefined,
    getState: () => ({ kind: "static" }),
    clear: () => undefined,
  });
  return client;
}
