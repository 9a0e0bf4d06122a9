/**
 * Makes a plan that breaks a rule smaller while it still breaks that rule, so that a person can follow it: fewer
 * actions, services, nodes and rules, and no longer than needed. Deterministic, with a bounded number of plays.
 */
import type { RuleName, Violation } from "../checks/view.ts";
import type { Plan } from "../plan.ts";
import { withoutGroup, withoutNode, withoutRule, withoutService } from "./lessen.ts";
import { fleetLessenings, sizeOfFleet } from "./lessen-fleet.ts";
import { playChecked } from "./run.ts";

export interface ShrinkOptions {
  /** Default: 600. */
  readonly playsMax?: number;
}

export interface Shrunken {
  readonly plan: Plan;
  /** What the smaller plan breaks. */
  readonly violation: Violation;
  readonly playCount: number;
}

/** A plan without one of its parts; undefined: it cannot do without. */
type Lessening = (plan: Plan) => Plan | undefined;

/** The smallest plan found; undefined: the plan breaks no rule. */
export function shrink(plan: Plan, options: ShrinkOptions = {}): Shrunken | undefined {
  const [violation] = playChecked(plan).violations;
  if (violation === undefined) return undefined;
  const search = new Search(plan, violation, options.playsMax ?? 600);
  search.cutEnd();
  for (let before = Number.POSITIVE_INFINITY; search.size < before && !search.isOver; ) {
    before = search.size;
    search.dropActions();
    search.dropEach(partsOf);
    search.cutEnd();
  }
  return { plan: search.plan, violation: search.violation, playCount: search.playCount };
}

function partsOf(plan: Plan): readonly Lessening[] {
  return [
    ...plan.services.map(
      ({ id }) =>
        (from: Plan) =>
          withoutService(from, id),
    ),
    ...plan.nodes.map(
      ({ node }) =>
        (from: Plan) =>
          withoutNode(from, node),
    ),
    ...plan.rules.map(
      ({ name }) =>
        (from: Plan) =>
          withoutRule(from, name),
    ),
    ...plan.groups.map(
      ({ name }) =>
        (from: Plan) =>
          withoutGroup(from, name),
    ),
    ...fleetLessenings(plan),
  ];
}

/** The search's present place: the smallest plan that breaks the rule, and what the search has cost. */
class Search {
  plan: Plan;
  violation: Violation;
  playCount = 1;
  readonly #rule: RuleName;
  readonly #playsMax: number;

  constructor(plan: Plan, violation: Violation, playsMax: number) {
    this.plan = plan;
    this.violation = violation;
    this.#rule = violation.rule;
    this.#playsMax = playsMax;
  }

  get isOver(): boolean {
    return this.playCount >= this.#playsMax;
  }

  /** What is to become less. */
  get size(): number {
    const { actions, services, nodes, rules, groups, fleet } = this.plan;
    const plain = actions.length + services.length + nodes.length + rules.length + groups.length;
    return plain + sizeOfFleet(fleet);
  }

  /** Nothing after the violation matters; what S9 says is said at the end, after a calm that has to stay. */
  cutEnd(): void {
    if (this.#rule === "S9") return;
    const endAtMs = Math.ceil(this.violation.atMs / 1_000) * 1_000;
    if (endAtMs >= this.plan.endAtMs) return;
    const actions = this.plan.actions.filter(({ atMs }) => atMs <= endAtMs);
    this.#try({ ...this.plan, actions, endAtMs });
  }

  /** Leaves out runs of actions: halves first, then ever shorter ones. */
  dropActions(): void {
    let length = Math.ceil(this.plan.actions.length / 2);
    for (; length >= 1 && !this.isOver; length = length === 1 ? 0 : Math.ceil(length / 2)) {
      let from = 0;
      while (from < this.plan.actions.length && !this.isOver) {
        const { actions } = this.plan;
        const fewer = [...actions.slice(0, from), ...actions.slice(from + length)];
        if (!this.#try({ ...this.plan, actions: fewer })) from += length;
      }
    }
  }

  /** Tries to do without each part. */
  dropEach(parts: (plan: Plan) => readonly Lessening[]): void {
    for (const lessen of parts(this.plan)) {
      if (this.isOver) return;
      const less = lessen(this.plan);
      if (less !== undefined) this.#try(less);
    }
  }

  /** Whether the plan breaks the same rule; then it is the new best one. */
  #try(plan: Plan): boolean {
    this.playCount += 1;
    const [violation] = playChecked(plan).violations;
    if (violation?.rule !== this.#rule) return false;
    this.plan = plan;
    this.violation = violation;
    return true;
  }
}
