// What the server says, as docs/protocol.md has it. Types only: nothing is computed or kept here.

export interface Status {
  folder: string;
  health: "ok" | "error";
  quiescent: boolean;
  state: "none" | "preparing" | "running" | "paused" | "stopped" | "finished";
  campaigns: string[];
  text: string;
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

export interface Experiment {
  number: number;
  commit: string;
  parent: string;
  hypothesis: string;
  proposer: string;
  score: number | null;
  compared: number | null; // the baseline's, and what verdicts found in pairs since: what is plotted
  text: string;
  delta: number | null;
  delta_text: string;
  uncertainty: number | null;
  verdict: "keep" | "discard" | "crash" | "invalid" | null;
  mark: "baseline" | "keep" | "price" | "adopted" | "noise" | "worse" | "crash" | "invalid" | "waiting" | "lost";
  verdict_text: string;
  reason: string | null;
  explanation: string;
  peak_memory_mb: number | null;
  dollars: number | null;
}

/** Return the verdict in a word; of one that a rebuilt journal does not know, what is known. */
export function verdict(e: Experiment): string {
  return e.verdict ?? (e.mark === "lost" ? e.verdict_text : "waiting");
}

export interface Refusal {
  ok: false;
  message: string;
}

export interface History {
  campaign: string | null;
  experiments: Experiment[];
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
  experiments: Experiment[];
}
export type Asked =
  | { ask: "ready" }
  | { ask: "run"; command: string; experiment?: number };

export function refused(answer: object): answer is Refusal {
  return (answer as { ok?: boolean }).ok === false;
}

/** Return a standard deviation with its sign, never rounded to nothing. */
export function spread(value: number): string {
  return `± ${value < 0.00005 ? value.toPrecision(1) : value.toFixed(4)}`;
}
