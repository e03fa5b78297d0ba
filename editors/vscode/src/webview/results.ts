// The page of the Results view: plot, tooltip, sortable table. Told by messages; remembers how it was looked at.

import { spread, type Asked, type Experiment, type Shown } from "../wire";
import { kind, plot } from "./plot";

interface Kept {
  folder: string;
  column: number;
  up: boolean;
  picked: number | null;
  scroll: number;
}
declare function acquireVsCodeApi(): { postMessage(asked: Asked): void; setState(kept: Kept): void; getState(): Kept | undefined };

const WORDS: Record<string, string> = {
  keep: "kept", price: "price of a revert", adopted: "adopted, no gain", noise: "within noise", worse: "worse", crash: "crashed",
  invalid: "invalid", baseline: "baseline", waiting: "waiting", running: "running",
};
const COLUMNS: [name: string, numeric: boolean, value: (e: Experiment) => number | string | null, text: (e: Experiment) => string][] = [
  ["#", true, (e) => e.number, (e) => `#${e.number}`],
  ["score", true, (e) => e.score, (e) => e.text + (e.uncertainty ? ` ${spread(e.uncertainty)}` : "")],
  ["delta", true, (e) => e.delta, (e) => e.delta_text],
  ["verdict", false, (e) => word(e), (e) => word(e)],
  ["hypothesis", false, (e) => e.hypothesis, (e) => e.hypothesis],
  ["by", false, (e) => e.proposer, (e) => e.proposer],
  ["memory", true, (e) => e.peak_memory_mb, (e) => (e.peak_memory_mb === null ? "" : e.peak_memory_mb < 100 ? `${e.peak_memory_mb.toFixed(0)} MB` : `${(e.peak_memory_mb / 1024).toFixed(1)} GB`)],
];
const api = acquireVsCodeApi();
const kept: Kept = { folder: "", column: 0, up: false, picked: null, scroll: 0, ...api.getState() };
let shown: Shown | undefined;

function word(e: Experiment): string {
  if (kind(e) === "waiting" && shown?.status.experiment === e.number && !shown.status.quiescent) {
    return "running";
  }
  if (kind(e) === "lost") {
    return e.verdict_text;
  }
  return kind(e) === "keep" && e.reason === "simpler" ? "kept, simpler" : (WORDS[kind(e)] ?? kind(e));
}

function make<K extends keyof HTMLElementTagNameMap>(name: K, className = "", ...inside: (Node | string)[]): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  made.className = className;
  made.append(...inside);
  return made;
}

const page = document.getElementById("page") as HTMLElement;
const headline = make("h1");
const selected = make("p", "selected");
const facts = make("p", "dim");
const buttons = make("div", "buttons");
const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
const legend = make("div", "legend");
const tip = make("div", "tip");
const body = make("tbody");
const heads = COLUMNS.map(([name, numeric], column) => {
  const button = make("button", "", name);
  button.addEventListener("click", () => sort(column));
  return make("th", numeric ? "number" : "", button);
});
tip.id = "tip";
tip.hidden = true;
tip.setAttribute("role", "status");
const header = make("header", "", make("div", "", headline, selected, facts), buttons);
page.append(header, svg, legend, make("div", "wide", make("table", "", make("thead", "", make("tr", "", ...heads)), body)), tip);

function run(command: string, experiment?: number): void {
  api.postMessage({ ask: "run", command, ...(experiment === undefined ? {} : { experiment }) });
}

function remember(change: Partial<Kept>): void {
  api.setState(Object.assign(kept, change));
}

function draw(): void {
  if (!shown) {
    return;
  }
  const { status, experiments } = shown;
  headline.textContent = (status.keeps && status.headline) || status.text || "No campaign yet";
  selected.textContent = status.keeps ? [status.selected, status.text].filter(Boolean).join(" · ") : "";
  facts.textContent = [status.campaign, `${status.experiments ?? 0} experiments, ${status.keeps ?? 0} kept`,
    status.metric && [status.metric, status.source].filter(Boolean).join(", "), status.budget && `${status.budget} each`,
    status.device].filter(Boolean).join(" · ");
  const verbs: [string, string][] = status.quiescent
    ? status.state === "paused" ? [["Resume", "resume"]] : [["Continue", "start"]]
    : [["Pause", "pause"], ["Stop", "stop"]];
  buttons.replaceChildren(...[...verbs, ...(status.awaits_verification ? [["Verify", "verify"]] : []), ["Pull", "pull"], ["Accepted ↔ incumbent", "diffAccepted"], ["Report", "report"]].map(([title, command], i) => {
    const button = make("button", i ? "secondary" : "", title ?? "");
    button.addEventListener("click", () => run(command ?? ""));
    return button;
  }));
  plot(svg, status, experiments);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${status.text}; the table below has every score`);
  const kinds = new Set(experiments.map(kind));
  const drawn = [["best", "best kept, by its pairs"], ...(status.verified == null ? [] : [["verified", "verified, 95 %"]])];
  legend.replaceChildren(...drawn.map(([k, words]) => make("span", `key ${k}`, words ?? "")), ...Object.keys(WORDS).filter((k) => kinds.has(k) && k !== "waiting").map((k) => make("span", `key ${k}`, WORDS[k] ?? "")));
  rows(experiments);
  pick(kept.picked);
}

function rows(experiments: Experiment[]): void {
  const value = COLUMNS[kept.column]?.[2] ?? ((e: Experiment) => e.number);
  const order = (a: Experiment, b: Experiment) => {
    const [p, q] = [value(a), value(b)];
    if (p === null || q === null) {
      return p === q ? 0 : p === null ? 1 : -1; // what is unknown is last, either way
    }
    return (kept.up ? 1 : -1) * (p < q ? -1 : p > q ? 1 : 0);
  };
  heads.forEach((head, column) => head.setAttribute("aria-sort", column !== kept.column ? "none" : kept.up ? "ascending" : "descending"));
  body.replaceChildren(...[...experiments].sort(order).map((e) => {
    const cells = COLUMNS.map(([, numeric, , text]) => make("td", numeric ? "number" : "", text(e)));
    const row = make("tr", kind(e), ...cells);
    row.dataset.n = String(e.number);
    row.title = e.explanation;
    row.tabIndex = 0;
    row.addEventListener("click", () => choose(e.number));
    row.addEventListener("keydown", (event) => event.key === "Enter" && choose(e.number));
    return row;
  }));
}

function sort(column: number): void {
  remember({ column, up: column === kept.column ? !kept.up : column > 2 });
  draw();
}

function choose(n: number): void {
  remember({ picked: n });
  pick(n);
  run("showDiff", n);
}

function pick(n: number | null): void {
  document.querySelectorAll(".on").forEach((e) => e.classList.remove("on"));
  document.querySelectorAll(`[data-n="${n}"]`).forEach((e) => e.classList.add("on"));
}

function tell(mark: Element): void {
  const e = shown?.experiments.find((one) => String(one.number) === mark.getAttribute("data-n"));
  if (!e) {
    return;
  }
  const delta = COLUMNS[2]?.[3](e);
  tip.replaceChildren(make("strong", "", `#${e.number} ${e.hypothesis}`),
    make("div", "", [e.text, delta && e.number && `(${delta})`, word(e)].filter(Boolean).join(" ")), make("div", "dim", e.explanation));
  tip.hidden = false;
  const at = mark.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(at.left + scrollX + 14, innerWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${at.bottom + scrollY + 8}px`;
}

const markOf = (event: Event) => (event.target as Element).closest(".mark");
for (const [name, hide] of [["mouseover", false], ["focusin", false], ["mouseout", true], ["focusout", true]] as const) {
  svg.addEventListener(name, (event) => {
    const mark = markOf(event);
    if (mark && !hide) {
      tell(mark);
    } else {
      tip.hidden = true;
    }
  });
}
const chosen = (event: Event) => {
  const mark = markOf(event);
  if (mark && (!(event instanceof KeyboardEvent) || event.key === "Enter")) {
    choose(Number(mark.getAttribute("data-n")));
  }
};
svg.addEventListener("click", chosen);
svg.addEventListener("keydown", chosen);
addEventListener("scroll", () => remember({ scroll: scrollY }));
addEventListener("message", (event: MessageEvent<Shown>) => {
  const first = !shown;
  const scroll = kept.scroll;
  shown = event.data;
  remember({ folder: shown.status.folder });
  draw();
  if (first) {
    scrollTo(0, scroll);
  }
});
api.postMessage({ ask: "ready" });
