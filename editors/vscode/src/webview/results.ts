// The page of the Results view: headline, buttons, plot, table. Told by messages; remembers how it was looked at.

import type { Asked, Shown, Status } from "../wire";
import { make } from "./dom";
import { plot } from "./plot";
import { Table, type Order } from "./table";

interface Kept extends Order {
  folder: string;
  picked: number | null;
  scroll: number;
}
declare function acquireVsCodeApi(): {
  postMessage(asked: Asked): void;
  setState(kept: Kept): void;
  getState(): Kept | undefined;
};

const api = acquireVsCodeApi();
const kept: Kept = { folder: "", column: 0, up: false, picked: null, scroll: 0, ...api.getState() };
let shown: Shown | undefined;

const page = document.getElementById("page") as HTMLElement;
const headline = make("h1");
const selected = make("p", "selected");
const facts = make("p", "dim");
const buttons = make("div", "buttons");
const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
const legend = make("div", "legend");
const tip = make("div", "tip");
const table = new Table(sort, choose);
tip.id = "tip";
tip.hidden = true;
tip.setAttribute("role", "status");
const header = make("header", "", make("div", "", headline, selected, facts), buttons);
page.append(header, svg, legend, table.element, tip);

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
  const { status, history } = shown;
  headline.textContent = (status.keeps && status.headline) || status.text || "No campaign yet";
  selected.textContent = status.keeps ? [status.selected, status.text].filter(Boolean).join(" · ") : "";
  facts.textContent = [
    status.campaign,
    `${status.experiments ?? 0} experiments, ${status.keeps ?? 0} kept`,
    status.metric && [status.metric, status.source].filter(Boolean).join(", "),
    status.budget && `${status.budget} each`,
    status.device,
  ]
    .filter(Boolean)
    .join(" · ");
  buttons.replaceChildren(
    ...verbs(status).map(([title, command], i) => {
      const button = make("button", i ? "secondary" : "", title);
      button.addEventListener("click", () => run(command));
      return button;
    }),
  );
  plot(svg, status, history.experiments);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${status.text}; the table below has every score`);
  legend.replaceChildren(...history.legend.map(({ mark, text }) => make("span", `key ${mark}`, text)));
  table.draw(history.experiments, kept);
  pick(kept.picked);
}

/** Return what can be done now: title and command, the first one foremost. */
function verbs(status: Status): [title: string, command: string][] {
  const all: [string, string][] = [];
  if (!status.quiescent) {
    all.push(["Pause", "pause"], ["Stop", "stop"]);
  } else {
    all.push(status.state === "paused" ? ["Resume", "resume"] : ["Continue", "start"]);
  }
  if (status.awaits_verification) {
    all.push(["Verify", "verify"]);
  }
  return [...all, ["Pull", "pull"], ["Accepted ↔ incumbent", "diffAccepted"], ["Report", "report"]];
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
  const e = shown?.history.experiments.find((one) => String(one.number) === mark.getAttribute("data-n"));
  if (!e) {
    return;
  }
  const delta = e.delta_text && e.number && `(${e.delta_text})`;
  tip.replaceChildren(
    make("strong", "", `#${e.number} ${e.hypothesis}`),
    make("div", "", [e.text, delta, e.verdict_text].filter(Boolean).join(" ")),
    make("div", "dim", e.explanation),
  );
  tip.hidden = false;
  const at = mark.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(at.left + scrollX + 14, innerWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${at.bottom + scrollY + 8}px`;
}

const markOf = (event: Event) => (event.target as Element).closest(".mark");
for (const [name, hide] of [
  ["mouseover", false],
  ["focusin", false],
  ["mouseout", true],
  ["focusout", true],
] as const) {
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
