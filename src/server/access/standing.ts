/**
 * Long answers go on only for as long as the one who asked may have them: a token that is revoked or over, a user who was
 * removed or has another role or password, ends theirs at once. Each is found by the records that it rests on, so that a
 * change of the cluster costs the same whether nobody or thousands read.
 */
import type { Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Problem } from "../../wire/errors.ts";
import { keys } from "../../wire/records.ts";
import type { ClusterView } from "../view/cluster-view.ts";
import { canonicalSerial } from "../view/revocations.ts";

/** What a long answer rests on. */
export interface Grounds {
  /** Keys of records whose change may end it; a revocation's with the canonical serial. */
  readonly keys: readonly string[];
  /** When it ends by itself, in wall time; undefined: never. */
  readonly expiresAtMs: number | undefined;
  /** Whether the one who asked may still have it; else why not. */
  look(): Result<void, Problem>;
  /** Ends the answer where nobody has said how (`onLost`). */
  cut(problem: Problem): void;
}

/** The right of one long answer to go on. */
export interface Standing {
  /** Says how the answer is ended once it may not go on; called at once where that is so already. */
  onLost(end: (problem: Problem) => void): void;
}

/** All long answers of this server. */
export interface Standings {
  /** Looks after one until the returned function is called, or it is lost. */
  begin(grounds: Grounds): { readonly standing: Standing; end(): void };
  /** Forgets all, without ending them. */
  close(): void;
}

/** Wall time may be set anew: nobody waits for longer at a time. */
const timerMsMax = 3_600_000;

/** Follows the view for as long as the view goes on, or until it is closed. */
export function createStandings(options: {
  readonly view: Pick<ClusterView, "listen">;
  readonly clock: Clock;
}): Standings {
  const { view, clock } = options;
  const all = new Set<Held>();
  const byKey = new Map<string, Set<Held>>();

  function forget(held: Held): void {
    all.delete(held);
    for (const key of held.grounds.keys) {
      const others = byKey.get(key);
      others?.delete(held);
      if (others?.size === 0) byKey.delete(key);
    }
  }

  const deaf = view.listen({
    changed({ changedKeys }) {
      if (all.size === 0) return;
      for (const key of changedKeys) {
        for (const held of [...(byKey.get(nameOf(key)) ?? [])]) held.look();
      }
    },
    reset() {
      for (const held of [...all]) held.look();
    },
  });

  return {
    begin(grounds) {
      const held = new Held(grounds, clock, forget);
      all.add(held);
      for (const key of grounds.keys) byKey.set(key, (byKey.get(key) ?? new Set()).add(held));
      // Whoever came with a password was looked at a moment ago.
      held.look();
      held.wait();
      return { standing: held, end: () => held.end() };
    },
    close() {
      deaf();
      for (const held of [...all]) held.end();
    },
  };
}

function nameOf(key: string): string {
  if (!key.startsWith(keys.revocations)) return key;
  return `${keys.revocations}${canonicalSerial(key.slice(keys.revocations.length))}`;
}

class Held implements Standing {
  readonly grounds: Grounds;
  readonly #clock: Clock;
  readonly #forget: (held: Held) => void;
  #isOver = false;
  #lost: Problem | undefined;
  #end: ((problem: Problem) => void) | undefined;
  #cancelTimer = (): void => undefined;

  constructor(grounds: Grounds, clock: Clock, forget: (held: Held) => void) {
    this.grounds = grounds;
    this.#clock = clock;
    this.#forget = forget;
  }

  onLost(end: (problem: Problem) => void): void {
    if (this.#lost === undefined) this.#end = end;
    else end(this.#lost);
  }

  look(): void {
    if (this.#isOver) return;
    const looked = this.grounds.look();
    if (looked.ok) return;
    this.end();
    this.#lost = looked.error;
    const end = this.#end ?? this.grounds.cut;
    end(looked.error);
  }

  wait(): void {
    const { expiresAtMs } = this.grounds;
    if (expiresAtMs === undefined || this.#isOver) return;
    const leftMs = Math.max(1, expiresAtMs - this.#clock.wallMs());
    this.#cancelTimer = this.#clock.after(Math.min(leftMs, timerMsMax), () => {
      this.look();
      this.wait();
    });
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelTimer();
    this.#forget(this);
  }
}
