/**
 * All safety checks over one world. They are an observer of it: hand it to `createWorld`, attach the world, and ask
 * for violations whenever you like. Each check is cheap: it is told what changes and looks at nothing else.
 */

import { InvariantError } from "../../core/assert.ts";
import { compareIds } from "../../core/ids.ts";
import type { Observer } from "../engine/engine.ts";
import type { Plan } from "../plan.ts";
import type { Commit } from "../store/simulated-store.ts";
import type { World } from "../world.ts";
import type { Check, CheckContext } from "./check.ts";
import { Ledger } from "./ledger.ts";
import { createFleetChecks } from "./rules/fleet/fleet-checks.ts";
import { createOneCopyCheck } from "./rules/s1-one-copy.ts";
import { createOneWayCheck } from "./rules/s1-one-way.ts";
import { createConfirmedStartCheck } from "./rules/s2-confirmed-start.ts";
import { createLeaseDeadlineCheck } from "./rules/s3-lease-deadline.ts";
import { createProvenLossCheck } from "./rules/s4-proven-loss.ts";
import { createOwnElectionCheck } from "./rules/s5-own-election.ts";
import { createKeptWordCheck } from "./rules/s6-kept-word.ts";
import { createFrozenCheck } from "./rules/s8-frozen.ts";
import { createLeftAloneCheck } from "./rules/s8-left-alone.ts";
import { createPeoplesWordCheck } from "./rules/s8-peoples-word.ts";
import { createPlacesCheck } from "./rules/s8-places.ts";
import { createLivenessCheck } from "./rules/s9-liveness.ts";
import type { RuleName, Violation, WorldView } from "./view.ts";

/** More violations of one play are not kept. */
const violationsMax = 20;

/** What the checks look at of a world. */
export type CheckedWorld = Pick<World, "nowMs" | "copies" | "managers" | "agentState">;

export interface SafetyChecks {
  /** For `createWorld`. */
  readonly observer: Required<
    Pick<Observer, "onEvent" | "onCopy" | "onCommit" | "onEffect" | "onAnswer">
  >;
  /** What was found so far, oldest first. */
  readonly violations: readonly Violation[];
  /** Once the world is made, before it moves. */
  attach(world: CheckedWorld): void;
  /** The play is over: what has to be true at the end is looked at. */
  end(): void;
  /** Something else is wrong, which only who plays can see. */
  accuse(rule: RuleName, sentence: string): void;
  /** A broken assertion of the core is a violation too: of the rule that it names. Rethrows what is none. */
  accuseOf(error: unknown): void;
}

/** Checks for one play of `plan`. */
export function createSafetyChecks(plan: Plan): SafetyChecks {
  const ledger = new Ledger();
  const violations: Violation[] = [];
  let world: CheckedWorld | undefined;
  const view = viewOf(plan, () => world);
  const accuse = (rule: RuleName, sentence: string): void => {
    if (violations.length < violationsMax) violations.push({ atMs: view.nowMs, rule, sentence });
  };
  const checks = createChecks({ view, ledger, accuse });
  const setup: Commit[] = [];
  // Called for every event of the play: only those are asked that want to hear.
  const onEvents = checks.flatMap(({ onEvent }) => (onEvent === undefined ? [] : [onEvent]));
  const onAnswers = checks.flatMap(({ onAnswer }) => (onAnswer === undefined ? [] : [onAnswer]));

  function onCommit(commit: Commit): void {
    if (world === undefined) {
      setup.push(commit);
      return;
    }
    for (const check of checks) check.beforeCommit?.(commit);
    for (const change of commit.changes) ledger.apply(change, view.nowMs);
    for (const check of checks) check.afterCommit?.(commit);
  }

  return {
    violations,
    accuse,
    observer: {
      onCommit,
      onEvent() {
        for (const onEvent of onEvents) onEvent();
      },
      onCopy(change) {
        for (const check of checks) check.onCopy?.(change);
      },
      onEffect(carriedOut) {
        for (const check of checks) check.onEffect?.(carriedOut);
      },
      onAnswer(answered) {
        for (const onAnswer of onAnswers) onAnswer(answered);
      },
    },
    attach(made) {
      world = made;
      // What a world begins with was written by nobody whose rights could be looked at.
      for (const commit of setup.splice(0)) onCommit({ ...commit, txn: undefined });
      violations.splice(0);
    },
    end() {
      for (const check of checks) check.onEnd?.();
    },
    accuseOf(error) {
      if (!(error instanceof InvariantError)) throw error;
      accuse(ruleIn(error.message), error.message);
    },
  };
}

function createChecks(context: CheckContext): readonly Check[] {
  return [
    createOneCopyCheck(context),
    createConfirmedStartCheck(context),
    createLeaseDeadlineCheck(context),
    createProvenLossCheck(context),
    createOwnElectionCheck(context),
    createKeptWordCheck(context),
    createOneWayCheck(context),
    createPeoplesWordCheck(context),
    createFrozenCheck(context),
    createPlacesCheck(context),
    createLeftAloneCheck(context),
    createLivenessCheck(context),
    ...createFleetChecks(context),
  ];
}

function viewOf(plan: Plan, world: () => CheckedWorld | undefined): WorldView {
  return {
    plan,
    get nowMs() {
      return world()?.nowMs ?? 0;
    },
    get copies() {
      return world()?.copies ?? new Map();
    },
    managerState() {
      const managers = [...(world()?.managers() ?? [])];
      managers.sort((left, right) => compareIds(left.node, right.node));
      return managers.find(({ state }) => state !== undefined)?.state;
    },
    agentState: (node) => world()?.agentState(node),
  };
}

const ruleNames: readonly RuleName[] = ["S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9"];

function ruleIn(message: string): RuleName {
  return ruleNames.find((rule) => message.includes(`${rule}:`)) ?? "bug";
}
