// Experiments → an SVG: every experiment a mark, the best kept so far a step line, as in report.html. Heights are scores
// as verdicts compared them: a single run's score has its seed's luck in it. No colours: classes.

import type { Experiment, Status } from "../wire";

const W = 1000,
  H = 380,
  L = 62,
  R = 984,
  T = 16,
  B = 336;
const NS = "http://www.w3.org/2000/svg";

function add(parent: Element, name: string, attributes: Record<string, string | number>, text?: string): SVGElement {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, String(value));
  }
  made.textContent = text ?? null;
  return parent.appendChild(made);
}

function* ticks(low: number, high: number, about: number): Generator<number> {
  const rough = (high - low) / about;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = size * ([1, 2, 5, 10].find((m) => size * m >= rough * 0.999) ?? 10);
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
    yield i * step;
  }
}

/** Draw the plot anew; each mark carries its experiment's number. */
export function plot(svg: SVGSVGElement, status: Status, experiments: Experiment[]): void {
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${W} ${H}`);
  const judged = experiments.filter((e) => e.verdict !== null && (e.verdict !== "keep" || e.score !== null)); // a lost score is no crash
  const scores = judged.flatMap((e) => (e.compared === null ? [] : [e.compared]));
  const sign = status.goal === "maximize" ? -1 : 1;
  const baseline = status.baseline ?? scores[0] ?? 0;
  const claimed = status.verified == null ? [] : [baseline + status.verified];
  const best = scores.length ? sign * Math.min(...[...scores, ...claimed].map((s) => sign * s)) : 0;
  const span = Math.max(Math.abs(baseline - best), 6 * (status.noise ?? 0), 1e-6 * Math.abs(baseline), 1e-9);
  const losses = scores.map((s) => sign * (s - baseline)).filter((l) => l <= 0.9 * span);
  const worst = Math.max(0, ...losses) + 0.12 * span;
  const [bottom, top] = [best - sign * 0.1 * span, baseline + sign * worst];
  const last = Math.max(4, ...judged.map((e) => e.number));
  const x = (n: number) => L + 14 + ((R - L - 28) * n) / last;
  const y = (s: number) => B - ((B - T) * (s - bottom) * sign) / ((top - bottom) * sign || 1);
  if (scores.length) {
    const digits = Math.max(0, 1 - Math.floor(Math.log10(span)));
    for (const tick of ticks(Math.min(bottom, top), Math.max(bottom, top), 6)) {
      add(svg, "line", { class: "grid", x1: L, x2: R, y1: y(tick), y2: y(tick) });
      add(
        svg,
        "text",
        { class: "tick", x: L - 8, y: y(tick) + 4, "text-anchor": "end" },
        tick.toFixed(Math.min(digits, 9)),
      );
    }
  }
  for (const tick of [...ticks(0, last, 10)].filter(Number.isInteger)) {
    add(svg, "text", { class: "tick", x: x(tick), y: B + 20, "text-anchor": "middle" }, String(tick));
  }
  add(svg, "line", { class: "axis", x1: L, x2: R, y1: B, y2: B });
  add(
    svg,
    "text",
    { class: "tick", x: (L + R) / 2, y: B + 38, "text-anchor": "middle" },
    "experiment (height: the baseline's score plus the differences that verdicts found)",
  );
  if (scores.length) {
    add(svg, "line", { class: "base", x1: L, x2: R, y1: y(baseline), y2: y(baseline) });
  }
  const steps: [number, number][] = [];
  for (const e of judged) {
    const before = steps.at(-1)?.[1];
    if (e.verdict === "keep" && e.compared !== null && (before === undefined || sign * e.compared < sign * before)) {
      steps.push([e.number, e.compared]);
    }
  }
  const noise = status.noise ?? 0;
  let path = "";
  steps.forEach(([n, score], i) => {
    const end = x(steps[i + 1]?.[0] ?? last);
    path += `${i ? "V" : `M${x(n)} `}${y(score)}H${end}`;
    const up = Math.max(T, Math.min(y(score + noise), y(score - noise)));
    const down = Math.min(B, Math.max(y(score + noise), y(score - noise)));
    add(svg, "rect", { class: "band", x: x(n), y: up, width: end - x(n), height: Math.max(0, down - up) });
  });
  add(svg, "path", { class: "best", d: path });
  if (status.verified != null && scores.length) {
    const [mean, half] = [baseline + status.verified, status.verified_half ?? 0];
    const [up, down] = [mean - half, mean + half].map((s) => Math.min(B, Math.max(T, y(s))));
    add(svg, "path", {
      class: "verified",
      d: `M${R - 5} ${up}V${down}M${R - 10} ${Math.min(B, Math.max(T, y(mean)))}h10`,
    });
  }
  const r = judged.length <= 60 ? 4.6 : judged.length <= 200 ? 3.4 : 2.4;
  for (const e of judged) {
    const what = e.mark;
    const at = e.compared === null ? B - 10 : Math.min(B - 4, Math.max(T, y(e.compared)));
    const mark = add(svg, "g", {
      class: `mark ${what}`,
      "data-n": e.number,
      tabindex: 0,
      role: "button",
      "aria-label": `experiment ${e.number}`,
      transform: `translate(${x(e.number)} ${at})`,
    });
    add(mark, "circle", { class: "hit", r: r + 4 });
    if (what === "crash") {
      add(mark, "path", { d: `M${-r} ${-r}L${r} ${r}M${-r} ${r}L${r} ${-r}` });
    } else if (what === "invalid") {
      add(mark, "path", { d: `M${-r} 0H${r}M0 ${-r}V${r}` });
    } else if (what === "price") {
      add(mark, "path", { d: `M0 ${r}L${r} ${-r}H${-r}Z` });
    } else if (what === "adopted") {
      add(mark, "path", { d: `M${-r} ${-r}H${r}V${r}H${-r}Z` });
    } else if (what === "baseline") {
      add(mark, "path", { d: `M0 ${-1.3 * r}L${1.3 * r} 0L0 ${1.3 * r}L${-1.3 * r} 0Z` });
    } else if (e.compared !== null && at !== y(e.compared)) {
      add(mark, "path", { d: at < H / 2 ? `M0 ${-r}L${r} ${r}H${-r}Z` : `M0 ${r}L${r} ${-r}H${-r}Z` });
    } else {
      add(mark, "circle", { r: what === "keep" ? 1.25 * r : r });
    }
  }
}
