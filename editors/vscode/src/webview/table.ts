// The sortable table of experiments: shows the server's words, sorts by its numbers.

import type { Experiment } from "../wire";
import { make } from "./dom";

export interface Order {
  column: number;
  up: boolean;
}

interface Column {
  name: string;
  value: (e: Experiment) => number | string | null; // what it is sorted by
  text: (e: Experiment) => string;
  numeric?: boolean;
}

const COLUMNS: Column[] = [
  { name: "#", value: (e) => e.number, text: (e) => `#${e.number}`, numeric: true },
  { name: "score", value: (e) => e.score, text: (e) => `${e.text} ${e.uncertainty_text}`.trim(), numeric: true },
  { name: "delta", value: (e) => e.delta, text: (e) => e.delta_text, numeric: true },
  { name: "verdict", value: (e) => e.verdict_text, text: (e) => e.verdict_text },
  { name: "hypothesis", value: (e) => e.hypothesis, text: (e) => e.hypothesis },
  { name: "by", value: (e) => e.proposer, text: (e) => e.proposer },
  { name: "memory", value: (e) => e.peak_memory_mb, text: (e) => e.memory_text, numeric: true },
];

export class Table {
  private readonly body = make("tbody");
  private readonly heads: HTMLTableCellElement[];
  readonly element: HTMLElement;

  constructor(
    sort: (column: number) => void,
    private readonly choose: (experiment: number) => void,
  ) {
    this.heads = COLUMNS.map(({ name, numeric }, column) => {
      const button = make("button", "", name);
      button.addEventListener("click", () => sort(column));
      return make("th", numeric ? "number" : "", button);
    });
    const head = make("thead", "", make("tr", "", ...this.heads));
    this.element = make("div", "wide", make("table", "", head, this.body));
  }

  draw(experiments: Experiment[], { column, up }: Order): void {
    this.heads.forEach((head, k) =>
      head.setAttribute("aria-sort", k !== column ? "none" : up ? "ascending" : "descending"),
    );
    const value = COLUMNS[column]?.value ?? ((e: Experiment) => e.number);
    const sorted = [...experiments].sort((a, b) => compare(value(a), value(b), up));
    this.body.replaceChildren(...sorted.map((e) => this.row(e)));
  }

  private row(e: Experiment): HTMLTableRowElement {
    const cells = COLUMNS.map(({ text, numeric }) => make("td", numeric ? "number" : "", text(e)));
    const row = make("tr", e.mark, ...cells);
    row.dataset.n = String(e.number);
    row.title = e.explanation;
    row.tabIndex = 0;
    row.addEventListener("click", () => this.choose(e.number));
    row.addEventListener("keydown", (event) => event.key === "Enter" && this.choose(e.number));
    return row;
  }
}

/** Compare two values of a column; what is unknown is last, either way. */
function compare(a: number | string | null, b: number | string | null, up: boolean): number {
  if (a === null || b === null) {
    return a === b ? 0 : a === null ? 1 : -1;
  }
  return (up ? 1 : -1) * (a < b ? -1 : a > b ? 1 : 0);
}
