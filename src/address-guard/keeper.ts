/**
 * The guard itself, without its pipes: it has the address until a deadline and never beyond it (S3), whatever the
 * server does. The kernel has a deadline of its own besides, for the case that the guard is stopped too.
 */
import type { Result } from "../core/result.ts";
import type { HoldUntil } from "../ports/office.ts";

/** What the guard does in the world. All of it blocks until it is done, but `announce`. */
export interface AddressHands {
  /** CLOCK_MONOTONIC in milliseconds. */
  now(): number;
  /** Adds it, or gives it a new life in the kernel. */
  add(lifeSeconds: number): Result<void, string>;
  /** The error: it may still be there. */
  remove(): Result<void, string>;
  /** Whether another machine was found to have it. */
  isDuplicate(): boolean;
  /** Begins to tell the neighbours. The returned function ends that at once. */
  announce(): () => void;
  /** It was taken away without having been asked for. */
  onRemoved(because: string): void;
}

export interface AddressKeeper {
  /** The answer says why the address is not held; undefined: it is. */
  hold(until: HoldUntil): string | undefined;
  /** The answer says why it may still be there; undefined: it is gone. */
  drop(): string | undefined;
}

/** By so much the kernel may be late with the end of an address's life. */
const kernelSlackMs = 400;
const removeAgainMs = 20;

/** A guard of one address, which is not there now. */
export function createAddressKeeper(hands: AddressHands): AddressKeeper {
  let isHeld = false;
  let removeAtMs = 0;
  let timer: NodeJS.Timeout | undefined;
  let endAnnouncing = (): void => undefined;

  function schedule(): void {
    clearTimeout(timer);
    if (!isHeld) return;
    timer = setTimeout(onTimer, Math.max(0, Math.ceil(removeAtMs - hands.now())));
  }

  function onTimer(): void {
    if (hands.now() < removeAtMs) schedule();
    else if (remove() === undefined) hands.onRemoved("its time was over");
    else timer = setTimeout(onTimer, removeAgainMs);
  }

  function remove(): string | undefined {
    endAnnouncing();
    const removed = hands.remove();
    if (!removed.ok) return removed.error;
    clearTimeout(timer);
    isHeld = false;
    return undefined;
  }

  return {
    hold(until) {
      const lifeSeconds = Math.floor((until.endAtMs - hands.now() - kernelSlackMs) / 1_000);
      if (hands.now() >= until.removeAtMs || lifeSeconds < 1) return lateWords;
      if (isHeld && until.removeAtMs <= removeAtMs) return undefined; // an older word that comes late
      removeAtMs = until.removeAtMs;
      const isNew = !isHeld;
      isHeld = true; // also after a failure: `ip` may have done it all the same
      schedule();
      const added = hands.add(lifeSeconds);
      // The machine may have stood still between the look at the clock and the kernel.
      const failure = added.ok ? faultOf() : added.error;
      if (failure !== undefined) {
        remove();
        return failure;
      }
      if (isNew) endAnnouncing = hands.announce();
      return undefined;
    },
    drop: remove,
  };

  function faultOf(): string | undefined {
    if (hands.now() >= removeAtMs) return lateWords;
    return hands.isDuplicate() ? "another machine has this address" : undefined;
  }
}

const lateWords = "the deadline is over";
