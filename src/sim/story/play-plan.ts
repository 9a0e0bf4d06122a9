/** Plays a plan from its beginning to its end with all safety checks on, and tells of it as a trace and as a story. */
import { explainService } from "../../core/explain/why.ts";
import { whyInputOf } from "../../core/manager/why-input.ts";
import { createSafetyChecks, type SafetyChecks } from "../checks/safety.ts";
import type { Observer } from "../engine/engine.ts";
import type { Plan } from "../plan.ts";
import type { TraceLine } from "../trace.ts";
import { createWorld, type World } from "../world.ts";
import { Story } from "./story.ts";
import type { Moment, ServiceFate, StorySummary } from "./story-line.ts";

export interface PlanPlayOptions {
  readonly plan: Plan;
  readonly onTrace?: (line: TraceLine) => void;
  /** Without it no story is made. */
  readonly onMoment?: (moment: Moment) => void;
}

export class PlanPlay {
  readonly #options: PlanPlayOptions;
  readonly #checks: SafetyChecks;
  readonly #story: Story | undefined;
  readonly #world: World;
  #toldViolations = 0;
  #isBroken = false;

  constructor(options: PlanPlayOptions) {
    this.#options = options;
    const { plan, onMoment } = options;
    this.#checks = createSafetyChecks(plan);
    let world: World | undefined;
    const nowMs = (): number => world?.nowMs ?? 0;
    this.#story = onMoment === undefined ? undefined : new Story({ plan, nowMs, onMoment });
    world = createWorld(plan, this.#observer());
    this.#world = world;
    this.#checks.attach(world);
  }

  /** Whether there is more to play. */
  get isOver(): boolean {
    return this.#isBroken || this.#world.nowMs >= this.#options.plan.endAtMs;
  }

  /** Plays so much more virtual time, up to the plan's end. */
  advance(byMs: number): void {
    const untilMs = Math.min(this.#world.nowMs + byMs, this.#options.plan.endAtMs);
    this.#guarded(() => this.#world.runUntil(untilMs));
  }

  /** The play is over: what has to be true at the end is looked at. */
  end(): StorySummary {
    if (!this.#isBroken) this.#guarded(() => this.#checks.end());
    this.#tellViolations();
    const { violations } = this.#checks;
    const lastedMs = this.#world.nowMs;
    const summary = this.#story?.end() ?? { lastedMs, services: [], violations };
    return { ...summary, services: summary.services.map((fate) => this.#explained(fate)) };
  }

  /** Of a service that is to run and does not: what the manager in office has against each node. */
  #explained(fate: ServiceFate): ServiceFate {
    if (fate.end !== "down" && fate.end !== "never-ran") return fate;
    const state = this.#world.managers().find((manager) => manager.state !== undefined)?.state;
    if (state === undefined) return fate;
    const { nodes } = explainService(whyInputOf(state, fate.service));
    const refusals = nodes.filter(({ verdict }) => verdict !== "allowed");
    return { ...fate, refusals: refusals.map(({ node, sentence }) => ({ node, sentence })) };
  }

  #observer(): Observer {
    const { observer } = this.#checks;
    const story = this.#story;
    return {
      ...observer,
      onTrace: (line) => this.#tell(line),
      onCopy: (change) => {
        observer.onCopy(change);
        story?.onCopy(change);
      },
      onEvent: () => {
        observer.onEvent();
        if (this.#checks.violations.length > this.#toldViolations) this.#tellViolations();
      },
    };
  }

  #tell(line: TraceLine): void {
    this.#options.onTrace?.(line);
    this.#story?.onTrace(line);
  }

  #tellViolations(): void {
    for (const { atMs, rule, sentence } of this.#checks.violations.slice(this.#toldViolations)) {
      this.#toldViolations += 1;
      this.#tell({ t: Math.round(atMs) / 1_000, kind: "violation", rule, sentence });
    }
  }

  /** A broken assertion ends the play: it is a violation of the rule that it names. */
  #guarded(run: () => void): void {
    try {
      run();
    } catch (error: unknown) {
      this.#checks.accuseOf(error);
      this.#isBroken = true;
      this.#tellViolations();
    }
  }
}
