// What the server says, as docs/protocol.md has it. Types: nothing is computed or kept here.

export interface Status {
  folder: string;
  health: "ok" | "error";
  quiescent: boolean;
  state: "none" | "preparing" | "running" | "paused" | "stopped" | "finished";
  campaigns: string[];
  text: string;
  rows: [name: string, text: string][]; // what the tooltip tells besides
  message: string;
  campaign?: string;
  experiment?: number | null;
  experiments?: number; // judged
  last?: number | null; // the highest number, judged or not
  keeps?: number;
  waiting?: number;
  metric?: string;
  goal?: "minimize" | "maximize";
  baseline?: number | null;
  noise_floor?: number | null; // of single runs of the baseline
  noise?: number | null; // of a difference of two runs on one seed
  best?: number | null;
  best_experiment?: number | null;
  headline?: string; // what is verified, or that nothing is yet
  awaits_verification?: boolean; // no verification has looked at the best
  selected?: string; // the number that the campaign chose by
  verified?: number | null; // the gain that is claimed
  verified_half?: number | null; // half of its interval
  incumbent?: number | null;
  hypothesis?: string | null;
  share?: number | null;
  remaining_s?: number | null;
  dollars?: number | null;
  source?: "sealed" | "self-reported" | null;
  device?: string | null;
  budget?: string | null;
  canvas?: string | null;
}

/** What a filter by verdict calls an experiment. */
export const GROUPS = ["keep", "discard", "crash", "invalid", "waiting", "lost"] as const;

/** What an experiment looks like: chooses an icon, a shape, a colour. Only `keep` is a gain. */
export type Mark =
  "baseline" | "keep" | "price" | "adopted" | "noise" | "worse" | "crash" | "invalid" | "waiting" | "running" | "lost";

/** An experiment; what ends in `text`, and `row`, is shown as it is. */
export interface Experiment {
  number: number;
  commit: string;
  parent: string;
  hypothesis: string;
  proposer: string;
  score: number | null;
  text: string; // the score
  compared: number | null; // the baseline's, and what verdicts found in pairs since: what is plotted
  delta: number | null;
  delta_text: string;
  uncertainty_text: string; // "± 0.0003"
  verdict: "keep" | "discard" | "crash" | "invalid" | null;
  verdict_text: string;
  group: (typeof GROUPS)[number];
  mark: Mark;
  row: string; // of a Markdown table
  explanation: string;
  peak_memory_mb: number | null;
  memory_text: string;
}

export interface Refusal {
  ok: false;
  message: string;
}

export interface History {
  campaign: string | null;
  experiments: Experiment[];
  legend: Legend[];
}

/** What a mark of the plot means. */
export interface Legend {
  mark: string;
  text: string;
}

export interface Hunk {
  id: string;
  start: number;
  old: string[];
  new: string[];
  experiments: number[]; // all that wrote it since the accepted base, the last one last
  label: string; // "#12 #17 −0.0081"; "" for the user's own
}

export interface Hunks {
  uri: string;
  version: number;
  base: string | null;
  hunks: Hunk[];
  own: Hunk[];
  behind: number;
}

export interface Plan {
  run: string;
  canvas: string;
  budget: string | null;
  models: string[];
  command: string | null;
  stop: Record<string, number>;
}

/** The answer of a command: `ok`, `message` and what docs/protocol.md names. */
export interface Answer {
  ok: boolean;
  message: string;
  [name: string]: unknown;
}

/** What a lens, a tree item or the palette says a command is about. */
export interface Target {
  folder?: string;
  uri?: string;
  experiment?: number;
  hunk?: string;
  line?: number;
  version?: number;
  [name: string]: unknown;
}

/** What the results page is sent, and what it sends. */
export interface Shown {
  status: Status;
  history: History;
}
export type Asked = { ask: "ready" } | { ask: "run"; command: string; experiment?: number };

export function refused(answer: object): answer is Refusal {
  return (answer as { ok?: boolean }).ok === false;
}
