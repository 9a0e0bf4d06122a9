/**
 * Makes a story of what happens in a play: moments instead of single lines, in each moment one line for what concerns
 * several, and at the end how every service fared.
 */
import type { ServiceId } from "../../core/ids.ts";
import type { CopyChange } from "../engine/engine.ts";
import type { Plan } from "../plan.ts";
import type { TraceLine } from "../trace.ts";
import { Fates, type Turn } from "./fates.ts";
import {
  type LastDecision,
  lineOfAction,
  lineOfDecisions,
  lineOfNode,
  lineOfRest,
  type NodeStep,
} from "./line-words.ts";
import { writeSpan } from "./span.ts";
import type { Moment, StoryLine, StorySummary } from "./story-line.ts";

type Decision = Extract<TraceLine, { kind: "decision" }>;

/** What happens within such a time belongs together. */
const momentMs = 500;
/** The same aside is told again only after so long. */
const asideEveryMs = 300_000;

/** What is told in one place of a moment. */
type Part =
  | { readonly kind: "line"; readonly line: StoryLine }
  | { readonly kind: "decisions"; readonly service: ServiceId; readonly all: Decision[] }
  | { readonly kind: "node"; readonly all: NodeStep[] }
  | { readonly kind: "turns"; readonly all: Turn[] };

export interface StoryOptions {
  readonly plan: Plan;
  /** The present of the play. */
  readonly nowMs: () => number;
  /** Told each moment when it is over. */
  readonly onMoment: (moment: Moment) => void;
}

export class Story {
  readonly #options: StoryOptions;
  readonly #fates: Fates;
  readonly #violations: { readonly rule: string; readonly sentence: string }[] = [];
  readonly #asides = new Map<string, number>();
  #beganAtMs: number | undefined;
  /** In the order in which they began. */
  #parts: Part[] = [];
  /** The part that goes on about a service or node in this moment. */
  readonly #open = {
    decisions: new Map<string, Decision[]>(),
    nodes: new Map<string, NodeStep[]>(),
    turns: new Map<string, Turn[]>(),
  };
  /** What was last decided on each service before this moment. */
  readonly #decided = new Map<string, LastDecision>();
  /** Nodes and services, about which a deed can be told as about one of several. */
  readonly #names: ReadonlySet<string>;

  constructor(options: StoryOptions) {
    this.#options = options;
    this.#fates = new Fates(options.plan);
    const { nodes, services } = options.plan;
    this.#names = new Set([...nodes.map(({ node }) => node), ...services.map(({ id }) => id)]);
  }

  /** Takes in a line of the trace. */
  onTrace(line: TraceLine): void {
    if (line.kind === "scenario") return;
    const atMs = line.t * 1_000;
    this.#begin(atMs);
    this.#fates.onTrace(line);
    if (line.kind === "decision") this.#onDecision(line);
    else if (line.kind === "node" || line.kind === "fence-acknowledged") this.#onNode(line);
    else if (line.kind === "step") this.#add(this.#lineOfDeed(line.do), atMs);
    else this.#add(line.kind === "action" ? lineOfAction(line) : lineOfRest(line), atMs);
    if (line.kind === "violation") {
      this.#violations.push({ rule: line.rule, sentence: line.sentence });
    }
  }

  /** Takes in a change of a copy. */
  onCopy(change: CopyChange): void {
    const atMs = this.#options.nowMs();
    this.#begin(atMs);
    const turn = this.#fates.onCopy(change, atMs);
    if (turn === undefined) return;
    const all = addTo(this.#open.turns, turn.service, turn);
    if (all !== undefined) this.#parts.push({ kind: "turns", all });
  }

  /** The play is over: tells the last moment, and how everything fared. */
  end(): StorySummary {
    const atMs = this.#options.nowMs();
    this.#flush();
    return { lastedMs: atMs, services: this.#fates.end(atMs), violations: this.#violations };
  }

  #begin(atMs: number): void {
    this.#fates.advance(atMs);
    if (this.#beganAtMs !== undefined && atMs - this.#beganAtMs < momentMs) return;
    this.#flush();
    this.#beganAtMs = atMs;
  }

  #lineOfDeed(sentence: string): StoryLine {
    const space = sentence.indexOf(" ");
    const name = sentence.slice(0, space);
    const line = { tone: "deed", because: undefined } as const;
    if (!this.#names.has(name)) return { ...line, subjects: [], text: sentence };
    return { ...line, subjects: [name], text: sentence.slice(space + 1) };
  }

  #onDecision(line: Decision): void {
    const { service } = line;
    const all = addTo(this.#open.decisions, service, line);
    if (all !== undefined) this.#parts.push({ kind: "decisions", service, all });
  }

  #onNode(line: NodeStep): void {
    const all = addTo(this.#open.nodes, line.node, line);
    if (all !== undefined) this.#parts.push({ kind: "node", all });
  }

  #add(line: StoryLine | undefined, atMs: number): void {
    if (line === undefined || this.#isRepeated(line, atMs)) return;
    this.#parts.push({ kind: "line", line });
  }

  #flush(): void {
    const lines = merged(this.#parts.flatMap((part) => this.#linesOf(part)));
    this.#parts = [];
    for (const [service, decisions] of this.#open.decisions) {
      const last = decisions.at(-1);
      if (last !== undefined) this.#decided.set(service, last);
    }
    for (const open of Object.values(this.#open)) open.clear();
    if (lines.length > 0 && this.#beganAtMs !== undefined) {
      this.#options.onMoment({ atMs: this.#beganAtMs, lines });
    }
  }

  #linesOf(part: Part): readonly StoryLine[] {
    const line = this.#lineOf(part);
    return line === undefined ? [] : [line];
  }

  #lineOf(part: Part): StoryLine | undefined {
    switch (part.kind) {
      case "line":
        return part.line;
      case "decisions":
        return lineOfDecisions(part.all, this.#decided.get(part.service));
      case "node":
        return lineOfNode(part.all);
      case "turns":
        return this.#lineOfTurns(part.all);
    }
  }

  #isRepeated(line: StoryLine, atMs: number): boolean {
    if (line.tone !== "aside") return false;
    // Figures differ each time.
    const key = `${line.subjects.join()} ${line.text.replace(/\d+/g, "#")}`;
    const toldAtMs = this.#asides.get(key);
    if (toldAtMs !== undefined && atMs - toldAtMs < asideEveryMs) return true;
    this.#asides.set(key, atMs);
    return false;
  }

  #lineOfTurns(turns: readonly Turn[]): StoryLine | undefined {
    const last = turns.at(-1);
    if (last === undefined) return undefined;
    const { kind, service, node, awayMs } = last;
    const subjects = [service];
    const because = undefined;
    if (kind === "up") {
      const wasDownBefore = turns[0]?.kind === "up";
      const pause = wasDownBefore ? "again, after" : "now, after a pause of";
      const away = awayMs === undefined ? "" : ` ${pause} ${writeSpan(awayMs)}`;
      return { tone: "relief", subjects, text: `runs on ${node}${away}`, because };
    }
    return this.#fates.isWanted(service)
      ? { tone: "trouble", subjects, text: `is down on ${node}`, because }
      : { tone: "plain", subjects, text: `runs no longer on ${node}`, because };
  }
}

/** The list when it is a new one. */
function addTo<T>(lists: Map<string, T[]>, key: string, item: T): T[] | undefined {
  const list = lists.get(key);
  if (list !== undefined) {
    list.push(item);
    return undefined;
  }
  const made = [item];
  lists.set(key, made);
  return made;
}

/** Lines that say the same of several become one; a reason that is not everyone's is left out. */
function merged(lines: readonly StoryLine[]): readonly StoryLine[] {
  const byText = new Map<string, StoryLine>();
  for (const line of lines) {
    const key = `${line.tone} ${line.text} ${line.subjects.length === 0 ? byText.size : ""}`;
    const before = byText.get(key);
    if (before === undefined) {
      byText.set(key, line);
      continue;
    }
    byText.set(key, {
      ...line,
      subjects: [...new Set([...before.subjects, ...line.subjects])],
      because: before.because === line.because ? line.because : undefined,
    });
  }
  return [...byText.values()];
}
