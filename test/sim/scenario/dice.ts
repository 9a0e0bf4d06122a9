/** Numbers from a seed, and names that are ones. */
import { type NodeId, parseNodeId, parseServiceId, type ServiceId } from "../../../src/core/ids.ts";

/** Numbers from a seed. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to less than 1. */
  share(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(count: number): number {
    return Math.floor(this.share() * count);
  }

  maybe<T>(make: () => T): T | undefined {
    return this.share() < 0.5 ? make() : undefined;
  }

  flag(): boolean {
    return this.share() < 0.5;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError("nothing to pick from");
    return item;
  }

  some<T>(items: readonly T[]): readonly T[] {
    return items.filter(() => this.flag());
  }
}

export function nodeNamed(text: string): NodeId {
  const node = parseNodeId(text);
  if (!node.ok) throw new Error(node.error);
  return node.value;
}

export function serviceNamed(text: string): ServiceId {
  const service = parseServiceId(text);
  if (!service.ok) throw new Error(service.error);
  return service.value;
}
