/**
 * Looks for an order of one key's operations that explains what they returned: the search of Wing and Gong with
 * Lowe's memory of what was tried, as in Porcupine. Three observations keep it fast on histories with unknown
 * outcomes: what changes nothing and fits now may always go now; a value that is still to be read and will not be
 * written again must not be overwritten; an unknown write that nobody has seen is left out at first.
 */
import { applyStep, type KeySteps, needOf, type Step, type ValueId, writesOf } from "./steps.ts";

export type SearchVerdict = "linearizable" | "violation" | "undecided";

/** Whether there is an order; `undecided` after `stepsMax` places looked at. */
export function searchOrder(steps: KeySteps, stepsMax: number): SearchVerdict {
  const seen = seenUnknown(steps);
  const first = new Search({ ...steps, unknown: seen }, stepsMax).run();
  if (first === "linearizable" || seen.length === steps.unknown.length) return first;
  // Writes that nobody read can only help where some comparison has to fail.
  const needsOther = [...steps.known, ...seen].some(
    (step) => step.outcome === "failed" || step.whenFailed !== undefined,
  );
  return needsOther ? new Search(steps, stepsMax).run() : first;
}

/** Unknown steps whose value somebody needs, or needs in order to write what somebody needs. */
function seenUnknown({ known, unknown }: KeySteps): readonly Step[] {
  const needed = new Set(known.map(needOf));
  const seen = new Set<Step>();
  for (let grown = true; grown; ) {
    grown = false;
    for (const step of unknown) {
      if (seen.has(step) || !writesOf(step).some((value) => needed.has(value))) continue;
      seen.add(step);
      needed.add(step.compared);
      grown = true;
    }
  }
  return unknown.filter((step) => seen.has(step));
}

/** A choice between steps, and what was done since to reach the next choice. */
interface Frame {
  readonly choices: readonly number[];
  nextChoice: number;
  readonly valueBefore: ValueId;
  readonly done: number[];
}

/** Steps are numbered: known ones from 0 in order of invocation, then the unknown ones. */
class Search {
  readonly #steps: readonly Step[];
  readonly #knownCount: number;
  readonly #stepsMax: number;
  readonly #isDone: Uint8Array;
  /** Known steps to come that need a value; steps to come that may write it. */
  readonly #needs: Int32Array;
  readonly #writers: Int32Array;
  readonly #tried = new Set<string>();
  #value: ValueId;
  #doneKnownCount = 0;
  /** All known steps below are done. */
  #low = 0;
  #lookedAtCount = 0;

  constructor({ known, unknown, valueCount, initial }: KeySteps, stepsMax: number) {
    this.#steps = [...known, ...unknown];
    this.#knownCount = known.length;
    this.#stepsMax = stepsMax;
    this.#isDone = new Uint8Array(this.#steps.length);
    this.#needs = new Int32Array(valueCount);
    this.#writers = new Int32Array(valueCount);
    this.#value = initial;
    for (const step of this.#steps) this.#count(step, 1);
  }

  run(): SearchVerdict {
    const stack: Frame[] = [];
    let frame = this.#advance([]);
    for (;;) {
      if (this.#doneKnownCount === this.#knownCount) return "linearizable";
      if (this.#lookedAtCount > this.#stepsMax) return "undecided";
      const choice = frame.choices[frame.nextChoice];
      if (choice === undefined) {
        this.#undo(frame);
        const previous = stack.pop();
        if (previous === undefined) return "violation";
        frame = previous;
        continue;
      }
      frame.nextChoice += 1;
      stack.push(frame);
      frame = this.#advance([choice]);
    }
  }

  /** Does these steps, then all that fit and change nothing; then says what may be chosen. */
  #advance(chosen: readonly number[]): Frame {
    const valueBefore = this.#value;
    const done: number[] = [];
    for (const index of chosen) {
      this.#value = applyStep(this.#at(index), this.#value) ?? this.#value;
      this.#mark(index, done);
    }
    let candidates = this.#candidates();
    for (let free = this.#free(candidates); free.length > 0; free = this.#free(candidates)) {
      for (const index of free) this.#mark(index, done);
      candidates = this.#candidates();
    }
    const place = this.#place();
    const isNew = !this.#tried.has(place);
    this.#tried.add(place);
    const choices = isNew ? this.#choices(candidates) : [];
    return { choices, nextChoice: 0, valueBefore, done };
  }

  #undo(frame: Frame): void {
    for (const index of frame.done) {
      this.#isDone[index] = 0;
      this.#count(this.#at(index), 1);
      if (index >= this.#knownCount) continue;
      this.#doneKnownCount -= 1;
      this.#low = Math.min(this.#low, index);
    }
    this.#value = frame.valueBefore;
  }

  /** Steps that may be next: nothing that has not been done had returned before they were invoked. */
  #candidates(): readonly number[] {
    const found: number[] = [];
    let firstReturnAtMs = Number.POSITIVE_INFINITY;
    for (let index = this.#low; index < this.#knownCount; index += 1) {
      this.#lookedAtCount += 1;
      const step = this.#at(index);
      if (step.invokedAtMs > firstReturnAtMs) break;
      if (this.#isDone[index] === 1) continue;
      found.push(index);
      firstReturnAtMs = Math.min(firstReturnAtMs, step.returnedAtMs);
    }
    // What returned first is tried first: it is the likeliest, and unknown ones come last.
    found.sort((a, b) => this.#at(a).returnedAtMs - this.#at(b).returnedAtMs);
    for (let index = this.#knownCount; index < this.#steps.length; index += 1) {
      if (this.#at(index).invokedAtMs > firstReturnAtMs) break;
      if (this.#isDone[index] === 0) found.push(index);
    }
    return found;
  }

  #free(candidates: readonly number[]): readonly number[] {
    return candidates.filter((index) => {
      const step = this.#at(index);
      if (index >= this.#knownCount || writesOf(step).length > 0) return false;
      return applyStep(step, this.#value) !== undefined;
    });
  }

  #choices(candidates: readonly number[]): readonly number[] {
    return candidates.filter((index) => {
      const step = this.#at(index);
      const after = applyStep(step, this.#value);
      // An unknown step that would change nothing can as well never take effect.
      if (after === this.#value) return index < this.#knownCount;
      return after !== undefined && !this.#strands(step);
    });
  }

  /** Whether overwriting the present value leaves somebody who needs it with nobody to write it again. */
  #strands(step: Step): boolean {
    const needCount = (this.#needs[this.#value] ?? 0) - (needOf(step) === this.#value ? 1 : 0);
    if (needCount === 0) return false;
    const writerCount = this.#writers[this.#value] ?? 0;
    return writerCount - (writesOf(step).includes(this.#value) ? 1 : 0) === 0;
  }

  #mark(index: number, done: number[]): void {
    this.#isDone[index] = 1;
    done.push(index);
    this.#count(this.#at(index), -1);
    if (index < this.#knownCount) this.#doneKnownCount += 1;
    while (this.#low < this.#knownCount && this.#isDone[this.#low] === 1) this.#low += 1;
  }

  #count(step: Step, change: 1 | -1): void {
    const need = needOf(step);
    if (need !== undefined) this.#needs[need] = (this.#needs[need] ?? 0) + change;
    for (const value of writesOf(step)) {
      this.#writers[value] = (this.#writers[value] ?? 0) + change;
    }
  }

  /** All that decides what can follow: which steps are done, and the value. */
  #place(): string {
    const ahead: number[] = [];
    const aheadCount = this.#doneKnownCount - this.#low;
    for (let index = this.#low; ahead.length < aheadCount; index += 1) {
      if (this.#isDone[index] === 1) ahead.push(index - this.#low);
    }
    const unknown: number[] = [];
    for (let index = this.#knownCount; index < this.#steps.length; index += 1) {
      if (this.#isDone[index] === 1) unknown.push(index - this.#knownCount);
    }
    return `${this.#value} ${this.#low} ${ahead.join()} ${unknown.join()}`;
  }

  #at(index: number): Step {
    const step = this.#steps[index];
    if (step === undefined) throw new Error("a step has its number");
    return step;
  }
}
