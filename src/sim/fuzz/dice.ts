/** Throws of dice for random plans, over one stream of random numbers. */
import { assert } from "../../core/assert.ts";
import { createRandom, type Random } from "../engine/random.ts";

/** Something and how often it comes, relative to the others. */
export type Weighted<T> = readonly [weight: number, value: T];

/** A seeded source of choices. */
export class Dice {
  readonly #random: Random;

  constructor(seed: number, purpose: string) {
    this.#random = createRandom(seed, purpose);
  }

  /** True in so many of 100 throws. */
  chance(percent: number): boolean {
    return this.#random.next() * 100 < percent;
  }

  /** A whole number, both ends included. */
  between(min: number, max: number): number {
    return min + this.#random.below(max - min + 1);
  }

  /** A whole number whose magnitude is as often small as large. */
  spread(min: number, max: number): number {
    const share = this.#random.next();
    return Math.round(min * (max / min) ** share);
  }

  pick<T>(values: readonly T[]): T {
    const value = values[this.#random.below(values.length)];
    assert(value !== undefined, "there is something to pick");
    return value;
  }

  /** Some of the values, in their order; `percent` of them on average. */
  some<T>(values: readonly T[], percent: number): readonly T[] {
    return values.filter(() => this.chance(percent));
  }

  weighted<T>(choices: readonly Weighted<T>[]): T {
    const total = choices.reduce((sum, [weight]) => sum + weight, 0);
    let left = this.#random.next() * total;
    for (const [weight, value] of choices) {
      left -= weight;
      if (left < 0) return value;
    }
    const last = choices.at(-1);
    assert(last !== undefined, "there is something to choose");
    return last[1];
  }
}
