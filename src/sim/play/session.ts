/**
 * One play with a cluster: a world, what a person has done to it and when, and time that can be taken back. The world
 * is at every moment exactly what its plan with those deeds makes of it: going back plays it anew up to that moment.
 */
import { assert } from "../../core/assert.ts";
import { createSafetyChecks, type SafetyChecks } from "../checks/safety.ts";
import type { Violation } from "../checks/view.ts";
import type { Action, Plan, TimedAction } from "../plan.ts";
import type { TraceLine } from "../trace.ts";
import { createWorld, type World } from "../world.ts";
import { deedText } from "./deed-text.ts";
import { eventOf, type PlayEvent } from "./event.ts";

/** Events that are kept to be shown; older ones come back when one goes back in time. */
const eventsMax = 5_000;
/** Deeds of one session, far more than a person does. */
const deedsMax = 2_000;
/** Nothing may happen for so long before looking for the next event is given up. */
const quietMsMax = 600_000;

/** What became of a deed. `full`: the session is too long. */
export type DeedOutcome = "done" | "full";

/** A cluster in virtual time, under the hands of one person. */
export class PlaySession {
  readonly #plan: Plan;
  /** In order of time; those after the present are waiting to happen again. */
  #deeds: readonly TimedAction[] = [];
  #world: World;
  #checks: SafetyChecks;
  #events: PlayEvent[] = [];
  /** How many events there were, shown or forgotten. */
  #eventCount = 0;
  #deedsShown = 0;

  /** Begins at 0 with `plan`, whose own actions happen too. */
  constructor(plan: Plan) {
    this.#plan = plan;
    this.#checks = createSafetyChecks(plan);
    this.#world = this.#createWorld();
  }

  /** Virtual milliseconds since the beginning. */
  get nowMs(): number {
    return this.#world.nowMs;
  }

  /** The longest that the session can last, in virtual milliseconds. */
  get endMs(): number {
    return this.#plan.endAtMs;
  }

  get world(): World {
    return this.#world;
  }

  /** The newest events, oldest first. */
  get events(): readonly PlayEvent[] {
    return this.#events;
  }

  /** Safety rules that were broken, which would be a fault of Holdfast, whatever the person did. */
  get violations(): readonly Violation[] {
    return this.#checks.violations;
  }

  /** Grows with every event; together with `events` it tells which ones are new. */
  get eventCount(): number {
    return this.#eventCount;
  }

  /** What was done after the present moment, before going back to it. It will happen again unless something is done. */
  get laterDeedCount(): number {
    return this.#deeds.filter(({ atMs }) => atMs > this.nowMs).length;
  }

  /** Lets time pass up to and including `atMs`, at most to the session's end. */
  runTo(atMs: number): void {
    const untilMs = Math.min(atMs, this.endMs);
    if (untilMs < this.nowMs) return;
    this.#world.runUntil(untilMs);
    this.#showDeeds(untilMs);
  }

  /** To the next instant at which something happens that can be seen; false: nothing does for long. */
  runToNextEvent(): boolean {
    const { eventCount } = this;
    const untilMs = Math.min(this.nowMs + quietMsMax, this.endMs);
    while (this.#eventCount === eventCount && this.#world.nextAtMs <= untilMs) {
      this.#world.runNext();
      this.#showDeeds(this.#world.nowMs);
    }
    const found = this.#eventCount > eventCount;
    this.runTo(found ? this.nowMs : untilMs); // the rest of that instant too
    return found;
  }

  /**
   * Does something to the cluster at the next whole millisecond, and shows what it does at once. What was done after
   * the present moment is forgotten.
   */
  act(action: Action): DeedOutcome {
    const atMs = Math.floor(this.nowMs) + 1;
    const earlier = this.#deeds.filter((deed) => deed.atMs <= this.nowMs);
    if (earlier.length >= deedsMax || atMs > this.endMs) return "full";
    this.#deeds = [...earlier, { atMs, action }];
    this.#replayTo(atMs);
    return "done";
  }

  /** Takes time back. What was done later is remembered until something else is done. */
  backTo(atMs: number): void {
    assert(atMs <= this.nowMs, "one can only go back to the past");
    this.#replayTo(Math.max(0, atMs));
  }

  /** Takes time back to before the last thing that happened, or to the beginning when nothing has. */
  backBeforeLastEvent(): void {
    const last = this.#events.at(-1);
    this.backTo(last === undefined ? 0 : Math.max(0, Math.min(last.atMs - 1, this.nowMs)));
  }

  /** All of it as a plan that plays the same again, up to the present moment. */
  toPlan(): Plan {
    const deeds = this.#deeds.filter(({ atMs }) => atMs <= this.nowMs);
    return { ...this.#planWith(deeds), endAtMs: Math.ceil(this.nowMs) };
  }

  #planWith(deeds: readonly TimedAction[]): Plan {
    const actions = [...this.#plan.actions, ...deeds];
    return { ...this.#plan, actions: actions.sort((left, right) => left.atMs - right.atMs) };
  }

  #createWorld(): World {
    this.#events = [];
    this.#eventCount = 0;
    this.#deedsShown = 0;
    const plan = this.#planWith(this.#deeds);
    const checks = createSafetyChecks(plan);
    let violationCount = 0;
    const world = createWorld(plan, {
      ...checks.observer,
      onTrace: (line) => this.#onTrace(line),
      onEvent: () => {
        checks.observer.onEvent();
        for (const violation of checks.violations.slice(violationCount)) this.#accuse(violation);
        violationCount = checks.violations.length;
      },
    });
    checks.attach(world);
    this.#checks = checks;
    return world;
  }

  #accuse({ atMs, rule, sentence }: Violation): void {
    this.#onTrace({ kind: "violation", t: atMs / 1_000, rule, sentence });
  }

  #replayTo(atMs: number): void {
    this.#world = this.#createWorld();
    this.runTo(atMs);
  }

  #onTrace(line: TraceLine): void {
    const event = eventOf(line);
    if (event === undefined) return;
    this.#showDeeds(event.atMs);
    this.#add(event);
  }

  /** Deeds come before what they lead to. */
  #showDeeds(untilMs: number): void {
    for (const { atMs, action } of this.#deeds.slice(this.#deedsShown)) {
      if (atMs > untilMs) return;
      this.#deedsShown += 1;
      this.#add({ atMs, tone: "deed", about: "you", sentence: deedText(action) });
    }
  }

  #add(event: PlayEvent): void {
    this.#events.push(event);
    this.#eventCount += 1;
    if (this.#events.length > eventsMax * 2) this.#events = this.#events.slice(-eventsMax);
  }
}
