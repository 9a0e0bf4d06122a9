/** All checks of fleets over one set of facts; none for a play without a fleet. */
import type { Plan } from "../../../plan.ts";
import type { Check, CheckContext } from "../../check.ts";
import { FleetFacts } from "./fleet-facts.ts";
import { createOneMemberCheck } from "./s7-one-member.ts";
import { createRunningCopyCheck } from "./s7-running-copy.ts";
import { createRolloutsCheck } from "./s9-rollouts.ts";

/** In the order in which they have to be asked: the facts change between what is asked before and after a commit. */
export function createFleetChecks(context: CheckContext): readonly Check[] {
  const { view } = context;
  if (!hasFleet(view.plan)) return [];
  const facts = new FleetFacts(context);
  const keeper: Check = {
    afterCommit: ({ changes }) => facts.apply(changes, view.nowMs),
  };
  return [
    keeper,
    createOneMemberCheck(context, facts),
    createRunningCopyCheck(context, facts),
    createRolloutsCheck(context, facts),
  ];
}

/** Whether there is, or will be, anything of a fleet. */
export function hasFleet({ fleet, actions }: Pick<Plan, "fleet" | "actions">): boolean {
  if (fleet !== undefined) return true;
  return actions.some(({ action }) => fleetKinds.has(action.kind));
}

const fleetKinds: ReadonlySet<string> = new Set([
  "put-ha-group",
  "put-definition",
  "put-deployment",
  "put-policy",
]);
