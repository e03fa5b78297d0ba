// Commands about the campaign: start and stop it, tell it something, measure its gain, write its report.

import * as vscode from "vscode";
import { folderName, folderOf } from "../campaigns";
import type { Plan, Status } from "../wire";
import type { Acts, Asking, Parts } from "./asking";

export function campaignCommands(parts: Parts, asking: Asking): Acts {
  const { server } = parts;
  return {
    start: async (target) => {
      const status = await asking.campaign(target, "start");
      if (status) {
        return (await confirmStart(parts, status)) && asking.run("start", { folder: status.folder });
      }
      if (server.statuses.size) {
        return undefined; // asked which, and not answered
      }
      const words = "AutoResearch: open a folder with a program.md; 'autoresearch init' makes one.";
      return server.running ? vscode.window.showInformationMessage(words) : server.restart();
    },
    pause: (target) => asking.run("pause", target),
    resume: (target) => asking.run("resume", target),
    stop: (target) => asking.run("stop", target),
    stopNow: (target) => asking.run("stop", target, { now: true }),
    note: async (target) => {
      const { experiment } = target;
      const prompt = experiment === undefined ? "Goes into the next prompt" : `About #${experiment}`;
      const text = await vscode.window.showInputBox({ title: "Note for the proposer", prompt });
      return text && asking.run("note", target, { text });
    },
    report: async (target) => {
      const answer = await asking.run("report", target);
      const open = "Open report.html";
      if (answer?.ok && (await vscode.window.showInformationMessage(`AutoResearch: ${answer.message}`, open))) {
        await vscode.env.openExternal(vscode.Uri.file(String(answer.path)));
      }
    },
    verify: async (target) => {
      const answer = await asking.run("verify", target);
      if (answer?.ok) {
        void vscode.window.showInformationMessage(`AutoResearch: #${String(answer.experiment)} ${answer.message}`);
      }
    },
    selectCampaign: async (target) => {
      const status = await asking.campaign(target, "selectCampaign");
      const given = typeof target.campaign === "string" ? target.campaign : undefined;
      const campaign = given ?? (status && (await pickCampaign(status)));
      const where = status ? { ...target, folder: status.folder } : target;
      return campaign && asking.run("status", where, { campaign });
    },
  };
}

async function pickCampaign(status: Status): Promise<string | undefined> {
  const items = status.campaigns.map((label, i) => {
    const notes = [i ? "" : "the last", label === status.campaign ? "shown now" : ""];
    return { label, description: notes.filter(Boolean).join(", ") };
  });
  const title = `Show a campaign of ${folderName(status.folder)}`;
  return (await vscode.window.showQuickPick(items, { title }))?.label;
}

/** Return whether the human agrees to what a start would run; a command that was agreed to is not asked about again. */
async function confirmStart({ server, context }: Parts, status: Status): Promise<boolean> {
  const plan = await server.request<Plan>("autoresearch/plan", { folder: status.folder });
  const ours = (uri: vscode.Uri) => uri.scheme === "file" && folderOf(server, uri) === status.folder;
  const dirty = vscode.workspace.textDocuments.filter((d) => d.isDirty && ours(d.uri));
  const key = `agreed:${status.folder}`;
  if (!plan || (context.workspaceState.get(key) === plan.run && !dirty.length)) {
    return true;
  }
  const detail = described(plan, status.folder, dirty);
  const buttons = dirty.length ? ["Save and Start", "Start"] : ["Start"];
  const choice = await vscode.window.showInformationMessage("Start the campaign?", { modal: true, detail }, ...buttons);
  if (choice === "Save and Start") {
    await Promise.all(dirty.map((d) => d.save()));
  }
  await context.workspaceState.update(key, choice ? plan.run : undefined);
  return choice !== undefined;
}

/** Return what a start would run, who writes, and when it ends. */
function described(plan: Plan, folder: string, dirty: vscode.TextDocument[]): string {
  const author = plan.command ? `the command '${plan.command}'` : plan.models.join(", ");
  const limits = Object.entries(plan.stop).map(([name, value]) =>
    name === "plateau" ? `${value} without a keep` : name === "dollars" ? `$${value}` : `${value} ${name}`,
  );
  const lines = [
    `It runs, again and again, in the background:`,
    `    ${plan.run}`,
    `in ${folder}`,
    ``,
    `${plan.canvas} is rewritten in copies by ${author}; your own files are not touched.`,
    `Each run: ${plan.budget ?? "a budget that fits this machine"}. It ends at ${limits.join(", or ") || "your stop"}.`,
  ];
  if (dirty.length) {
    const names = dirty.map((d) => vscode.workspace.asRelativePath(d.uri)).join(", ");
    lines.push("", `Not saved, so not measured: ${names}.`);
  }
  return lines.join("\n");
}
