// Commands about the extension itself: its server, its log, what a bug report needs, the walkthrough.

import { platform, release } from "node:os";
import * as vscode from "vscode";
import { openInstall } from "../server";
import type { Acts, Manifest, Parts } from "./asking";

export function supportCommands(parts: Parts): Acts {
  const { server, context } = parts;
  const walkthrough = `${context.extension.id}#start`;
  return {
    installServer: openInstall,
    restartServer: () => server.restart(),
    showLog: () => server.log.show(),
    copyDebugInfo: async () => {
      const told = JSON.stringify(debugInfo(parts), null, 2);
      await vscode.env.clipboard.writeText(`\`\`\`json\n${told}\n\`\`\``);
      const words = "AutoResearch: the debug information is in the clipboard; it names no key and no path.";
      void vscode.window.showInformationMessage(words);
    },
    openWalkthrough: () => vscode.commands.executeCommand("workbench.action.openWalkthrough", walkthrough),
  };
}

/** Return what a bug report needs; no key and no path is in it. */
function debugInfo({ server, context }: Parts): object {
  const campaigns = [...server.statuses.values()];
  return {
    extension: (context.extension.packageJSON as Manifest).version,
    editor: `${vscode.env.appName} ${vscode.version}`,
    remote: vscode.env.remoteName ?? "no",
    system: `${platform()} ${release()}`,
    server: server.version,
    found: server.found?.from ?? "not found",
    campaigns: campaigns.map(({ state, health, experiments, source, device, message }) => {
      return { state, health, experiments, source, device, message };
    }),
    settings: { ...vscode.workspace.getConfiguration("autoresearch"), server: undefined },
  };
}
