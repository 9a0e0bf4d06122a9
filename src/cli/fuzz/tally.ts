/** What a fuzz run has done so far, and the tasks that are left of it. */
import type { RandomPlanOptions } from "../../sim/fuzz/plan.ts";
import type { Finding, Task, TaskAnswer } from "./messages.ts";

export interface FuzzRange {
  readonly from: number;
  /** Infinity: as long as it is let. */
  readonly to: number;
}

/** Seeds that a worker plays before it answers. */
const seedsAtOnce = 4;
/** Violations whose scenarios are made small; of more the seed says enough. */
const shrunkenMax = 10;

/** A violation, and where its small scenario was written. */
export interface Found extends Finding {
  readonly scenario: string | undefined;
}

export class FuzzTally {
  seedCount = 0;
  simulatedMs = 0;
  eventCount = 0;
  readonly found: Found[] = [];
  /** Why the simulator itself failed; undefined: it did not. */
  failure: string | undefined;
  readonly #range: FuzzRange;
  readonly #plan: RandomPlanOptions;
  readonly #toShrink: number[] = [];
  #next: number;
  #shrunkenCount = 0;

  constructor(range: FuzzRange, plan: RandomPlanOptions) {
    this.#range = range;
    this.#plan = plan;
    this.#next = range.from;
  }

  /** What is to be done next; undefined: nothing. */
  nextTask(): Task | undefined {
    if (this.failure !== undefined) return undefined;
    const plan = this.#plan;
    const seed = this.#toShrink.shift();
    if (seed !== undefined) return { kind: "shrink", seed, plan };
    if (this.#next > this.#range.to) return undefined;
    const from = this.#next;
    const to = Math.min(from + seedsAtOnce - 1, this.#range.to);
    this.#next = to + 1;
    return { kind: "play", from, to, plan };
  }

  /** Takes in an answer; the answer to that: violations that are new and are not made smaller. */
  take(answer: TaskAnswer, write: (seed: number, scenario: string) => string): readonly Found[] {
    switch (answer.kind) {
      case "played":
        this.seedCount += answer.seedCount;
        this.simulatedMs += answer.simulatedMs;
        this.eventCount += answer.eventCount;
        return answer.findings.flatMap((finding) => this.#takeFinding(finding));
      case "shrunken": {
        const { seed, violation, scenario } = answer;
        if (violation === undefined || scenario === undefined) return [];
        return [this.#note({ seed, violation, scenario: write(seed, scenario) })];
      }
      case "failed":
        this.failure = answer.why;
        return [];
    }
  }

  #takeFinding(finding: Finding): readonly Found[] {
    if (this.#shrunkenCount >= shrunkenMax) {
      return [this.#note({ ...finding, scenario: undefined })];
    }
    this.#shrunkenCount += 1;
    this.#toShrink.push(finding.seed);
    return [];
  }

  #note(found: Found): Found {
    this.found.push(found);
    return found;
  }
}
