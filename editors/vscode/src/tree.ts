// The Experiments view: campaigns, their experiments with the newest first, filtered by verdict. Holds what it shows.

import * as vscode from "vscode";
import { folderName, listed, prefix } from "./campaigns";
import { experimentId, type Review } from "./review";
import type { Server } from "./client";
import type { Experiment, History, Mark, Status } from "./wire";

export type Node =
  | { kind: "campaign"; status: Status }
  | { kind: "other"; folder: string; campaign: string }
  | { kind: "folder"; folder: string }
  | ExperimentNode;

interface ExperimentNode {
  kind: "experiment";
  folder: string;
  experiment: number;
  of: Experiment;
}

const ICONS: Record<Mark, [icon: string, colour?: string]> = {
  baseline: ["milestone"],
  keep: ["pass-filled", "autoresearch.keep"],
  price: ["arrow-down", "charts.purple"],
  adopted: ["person", "charts.purple"],
  noise: ["dash", "autoresearch.noise"],
  worse: ["circle-slash", "autoresearch.worse"],
  crash: ["error", "autoresearch.crash"],
  invalid: ["shield", "autoresearch.worse"],
  running: ["sync~spin", "autoresearch.keep"],
  waiting: ["circle-outline"],
  lost: ["question"],
};
const NOTHING: History = { campaign: null, experiments: [], legend: [] };

export class Experiments implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<Node[] | undefined>();
  readonly onDidChangeTreeData = this.changed.event;
  private readonly histories = new Map<string, History>();
  private readonly seen = new Map<string, string>();
  private readonly nodes = new Map<string, ExperimentNode>();
  private waiting = new Set<string>(); // what is drawn as waiting for review
  private readonly view: vscode.TreeView<Node>;
  private readonly hooks: vscode.Disposable[];

  constructor(
    private readonly server: Server,
    private readonly review: Review,
    private readonly memento: vscode.Memento,
  ) {
    this.view = vscode.window.createTreeView("autoresearch.experiments", {
      treeDataProvider: this,
      showCollapseAll: false,
    });
    this.hooks = [
      server.onStatus((status) => void this.follow(status)),
      server.onLost(() => {
        this.seen.clear();
        this.draw();
      }),
      review.onChange(() => this.drawWaiting()),
    ];
    this.draw();
  }

  get filter(): string[] {
    return this.memento.get<string[]>("filter", []);
  }

  async setFilter(groups: string[]): Promise<void> {
    await this.memento.update("filter", groups);
    this.draw();
  }

  /** Read the history where a status says that it has moved. */
  private async follow(s: Status): Promise<void> {
    const mark = JSON.stringify([
      s.campaign,
      s.experiments,
      s.waiting,
      s.experiment,
      s.state,
      s.keeps,
      s.best_experiment,
      s.verified,
    ]);
    if (this.seen.get(s.folder) !== mark) {
      this.seen.set(s.folder, mark);
      await this.history(s.folder);
      this.draw();
    }
  }

  /** Ask for the history of a folder. */
  async history(folder: string): Promise<History> {
    const found = (await this.server.request<History>("autoresearch/history", { folder })) ?? NOTHING;
    this.histories.set(folder, found);
    return found;
  }

  /** Return the history that is drawn. */
  drawn(folder: string): History {
    return this.histories.get(folder) ?? NOTHING;
  }

  /** Draw what waits for review: only the rows that it changes, since a click on a row that is drawn anew is lost. */
  private drawWaiting(): void {
    const { hunks, behind } = this.review.totals();
    const words = [hunks && `${hunks} ${hunks === 1 ? "hunk" : "hunks"} to review`, behind && `${behind} to pull`];
    this.view.badge = hunks + behind ? { value: hunks + behind, tooltip: words.filter(Boolean).join(", ") } : undefined;
    const before = this.waiting;
    this.waiting = this.review.waiting();
    const moved = [...new Set([...before, ...this.waiting])].filter((id) => before.has(id) !== this.waiting.has(id));
    const nodes = moved.flatMap((id) => this.nodes.get(id) ?? []);
    if (nodes.length) {
      this.changed.fire(nodes);
    }
  }

  private draw(): void {
    this.drawWaiting();
    const all = listed(this.server);
    void vscode.commands.executeCommand(
      "setContext",
      "autoresearch.several",
      all.length > 1 && all.some((s) => s.state !== "none"),
    );
    this.view.description = this.filter.length ? `only ${this.filter.join(", ")}` : "";
    void vscode.commands.executeCommand("setContext", "autoresearch.filtered", this.filter.length > 0);
    this.changed.fire(undefined);
  }

  getChildren(node?: Node): Node[] {
    if (!node) {
      const all = listed(this.server);
      if (all.every((status) => status.state === "none")) {
        return []; // the welcome view says how to begin
      }
      return all.flatMap((status) => [
        status.state === "none"
          ? { kind: "folder" as const, folder: status.folder }
          : { kind: "campaign" as const, status },
        ...status.campaigns
          .filter((name) => name !== status.campaign)
          .map((campaign) => ({ kind: "other" as const, folder: status.folder, campaign })),
      ]);
    }
    if (node.kind !== "campaign") {
      return [];
    }
    const folder = node.status.folder;
    return this.drawn(folder)
      .experiments.filter((e) => this.filter.length === 0 || this.filter.includes(e.group))
      .map((of) => this.node(folder, of))
      .reverse();
  }

  /** Return the node of an experiment: always the same one, so that it can be drawn anew by itself. */
  private node(folder: string, of: Experiment): ExperimentNode {
    const id = experimentId(folder, of.number);
    const node = this.nodes.get(id) ?? { kind: "experiment", folder, experiment: of.number, of };
    node.of = of;
    this.nodes.set(id, node);
    return node;
  }

  getTreeItem(node: Node): vscode.TreeItem {
    if (node.kind === "campaign") {
      const { status } = node;
      const item = new vscode.TreeItem(status.campaign ?? "campaign", vscode.TreeItemCollapsibleState.Expanded);
      item.id = `${status.folder}\n${status.campaign}`;
      item.description = `${prefix(this.server, status.folder).replace(": ", " · ")}${status.state} · ${status.keeps ?? 0} kept of ${status.experiments ?? 0}`;
      item.iconPath = new vscode.ThemeIcon("beaker");
      item.contextValue = `campaign.${status.state}`;
      item.tooltip = status.message;
      return item;
    }
    if (node.kind === "folder") {
      const item = new vscode.TreeItem(folderName(node.folder));
      item.iconPath = new vscode.ThemeIcon("folder");
      item.description = "no campaign yet";
      item.contextValue = "folder";
      item.tooltip = node.folder;
      return item;
    }
    if (node.kind === "other") {
      const item = new vscode.TreeItem(node.campaign);
      item.iconPath = new vscode.ThemeIcon("archive");
      item.description = `${prefix(this.server, node.folder).replace(": ", " · ")}show`;
      item.contextValue = "other";
      item.command = { title: "Show", command: "autoresearch.selectCampaign", arguments: [node] };
      return item;
    }
    return this.experimentItem(node.folder, node.of, node);
  }

  private experimentItem(folder: string, e: Experiment, node: Node): vscode.TreeItem {
    const item = new vscode.TreeItem(`#${e.number}${e.text ? `  ${e.text}` : ""}`);
    const status = this.server.statuses.get(folder);
    const [icon, colour] = ICONS[e.mark];
    item.id = `${folder}\n${status?.campaign}\n${e.number}`;
    item.iconPath = new vscode.ThemeIcon(icon, colour ? new vscode.ThemeColor(colour) : undefined);
    item.description = [e.mark === "lost" ? e.verdict_text : e.number ? e.delta_text : "", e.hypothesis]
      .filter(Boolean)
      .join("  ");
    item.contextValue = `experiment.${e.group}${this.waiting.has(experimentId(folder, e.number)) ? ".pending" : ""}`;
    item.command = { title: "Diff", command: "autoresearch.showDiff", arguments: [node] };
    item.accessibilityInformation = {
      label: `experiment ${e.number}, ${e.verdict_text}, ${e.text} ${e.hypothesis}`,
    };
    return item;
  }

  async resolveTreeItem(item: vscode.TreeItem, node: Node): Promise<vscode.TreeItem> {
    if (node.kind === "experiment") {
      const asked = { folder: node.folder, experiment: node.experiment };
      const found = await this.server.request<{ markdown: string }>("autoresearch/experiment", asked);
      item.tooltip = found ? new vscode.MarkdownString(found.markdown) : node.of.hypothesis;
    }
    return item;
  }

  dispose(): void {
    vscode.Disposable.from(this.changed, this.view, ...this.hooks).dispose();
  }
}
