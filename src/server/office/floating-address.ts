/** The manager's server holds the floating address, for as long as it holds the office and can prove it. */
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { AddressHolder } from "../../ports/office.ts";
import type { Store } from "../../ports/store.ts";
import type { Term } from "../../runtime/election.ts";
import { pause } from "../../runtime/manager-pulse.ts";
import { type AddressClaim, claimAddress } from "./address-claim.ts";
import { holdUntil, renewalsMax, renewEveryMs, tryAgainMs } from "./address-times.ts";

export interface FloatingOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly serverId: string;
  readonly holder: AddressHolder;
  /** Told of each change, for people. */
  readonly say: (sentence: string) => void;
}

/** Holds the address for a term. When the answer comes it is given up, or its deadline counts. Never rejects. */
export async function holdForTerm(options: FloatingOptions, term: Term): Promise<void> {
  const { holder, clock } = options;
  const { address } = holder.place;
  while (!term.signal.aborted) {
    const missing = await holder.missing();
    if (missing !== undefined) options.say(`${address} cannot be held: ${missing}`);
    else if ((await holder.drop()) === "gone") {
      const claim = await claimAddress({ ...options, address, term });
      if (claim !== undefined) await holdByClaim(options, claim, term);
    }
    await pause(clock, missing === undefined ? renewEveryMs : tryAgainMs, term.signal);
  }
}

/** Ends when the term is over or the claim is another's. */
async function holdByClaim(
  options: FloatingOptions,
  claim: AddressClaim,
  term: Term,
): Promise<void> {
  const { holder, clock, say } = options;
  const lost = new AbortController();
  const signal = AbortSignal.any([term.signal, lost.signal]);
  if (await becomesFree(options, signal)) {
    const renewals = new Renewals(options, claim, () => lost.abort());
    while (!signal.aborted) {
      renewals.begin(signal);
      await pause(clock, renewEveryMs, signal);
    }
  }
  const { address } = holder.place;
  const dropped = await holder.drop();
  say(`${address} is given up`);
  if (dropped === "gone") await claim.release();
}

/** Waits until no other machine answers for the address. False: the time is over. */
async function becomesFree(options: FloatingOptions, signal: AbortSignal): Promise<boolean> {
  const { holder, clock, say } = options;
  const { address } = holder.place;
  while (!signal.aborted) {
    const free = await holder.isFree();
    if (free.ok && free.value) return !signal.aborted;
    say(
      free.ok
        ? `another machine answers for ${address}: it is not taken; end it there`
        : `${address} is not taken: ${free.error}`,
    );
    await pause(clock, tryAgainMs, signal);
  }
  return false;
}

/** Several may be under way; each that succeeds moves the deadline by its own sending. */
class Renewals {
  readonly #options: FloatingOptions;
  readonly #claim: AddressClaim;
  readonly #onLost: () => void;
  #underWay = 0;
  #notBeforeMs = 0;

  constructor(options: FloatingOptions, claim: AddressClaim, onLost: () => void) {
    this.#options = options;
    this.#claim = claim;
    this.#onLost = onLost;
  }

  begin(signal: AbortSignal): void {
    if (this.#underWay >= renewalsMax) return;
    this.#underWay += 1;
    void this.#renew(signal).finally(() => {
      this.#underWay -= 1;
    });
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { clock, holder, say } = this.#options;
    const sentAtMs = clock.monotonicMs();
    const outcome = await this.#claim.renew();
    if (outcome === "lost") return this.#onLost();
    if (outcome === "unknown" || signal.aborted || sentAtMs < this.#notBeforeMs) return;
    const { address, interface: name } = holder.place;
    const held = await holder.hold(holdUntil(sentAtMs));
    if (signal.aborted) return;
    if (held.ok) return say(`${address} is on ${name}`);
    this.#notBeforeMs = clock.monotonicMs() + tryAgainMs;
    say(`${address} is not held: ${held.error}`);
  }
}
