/**
 * S8: `error` is left only by a person's word, what a person does not want is not started, what is frozen, ignored or
 * suspended is not touched, and no place that a manager chooses breaks a strict rule, a negative one, or a node's memory.
 */
import type { AgentEffect } from "../../core/agent/effect.ts";
import type { NodeId, ServiceId } from "../../core/ids.ts";
import { keys, type StatusRecord } from "../../wire/records.ts";
import { readStatus } from "../store/records.ts";
import type { Commit } from "../store/simulated-store.ts";
import type { Check, CheckContext } from "./check.ts";
import { PlacementFacts } from "./placement-facts.ts";
import { Recent } from "./recent.ts";
import type { CarriedOut } from "./view.ts";

const startStates: ReadonlySet<string> = new Set([
  "started",
  "request_start",
  "request_start_balance",
]);

interface Choice {
  readonly service: ServiceId;
  readonly node: NodeId;
  readonly reason: string;
}

/** Compares what managers decide and agents do with what persons said. */
export function createPeoplesWordCheck(context: CheckContext): Check {
  const { view, ledger } = context;
  const recent = new Recent(view.plan.pace.electionTtlMs);
  const facts = new PlacementFacts(ledger);
  let choices: Choice[] = [];

  function checkStatus(next: StatusRecord): void {
    const before = ledger.statuses.get(next.service);
    checkError(context, recent, before, next);
    checkStart(context, recent, before, next);
    const choice = choiceOf(before, next);
    if (choice !== undefined) choices.push(choice);
  }

  return {
    beforeCommit(commit: Commit) {
      choices = [];
      for (const change of commit.changes) {
        if (change.kind !== "put" || !change.entry.key.startsWith(keys.statuses)) continue;
        checkStatus(readStatus(change.entry));
      }
    },
    afterCommit(commit: Commit) {
      if (recent.placementIsSettled(view.nowMs)) {
        const careless = new Set(
          choices
            .map(({ service }) => service)
            .filter((service) => ledger.services.get(service)?.config.mayOvercommit === true),
        );
        for (const choice of choices) checkChoice(context, facts, { ...choice, careless });
      }
      for (const change of commit.changes) {
        recent.apply(change, view.nowMs);
        facts.apply(change);
      }
    },
    onEffect(carriedOut) {
      checkUntouched(context, carriedOut);
    },
  };
}

function checkError(
  { accuse, view }: CheckContext,
  recent: Recent,
  before: StatusRecord | undefined,
  next: StatusRecord,
): void {
  if (before?.state !== "error" || next.state === "error") return;
  if (recent.mayBeDisabled(next.service, view.nowMs)) return;
  accuse("S8", `${next.service} leaves error for ${next.state}, and nobody asked for that`);
}

function checkStart(
  { accuse, view }: CheckContext,
  recent: Recent,
  before: StatusRecord | undefined,
  next: StatusRecord,
): void {
  if (before?.uid === next.uid || next.suspended === true || !startStates.has(next.state)) return;
  const wish = recent.settledWish(next.service, view.nowMs);
  if (wish === undefined || wish.state === "started") return;
  if (before !== undefined && startStates.has(before.state)) return; // it was to run, and is on its way to a stop
  accuse("S8", `${next.service} is put to ${next.state}, and a person wants it ${wish.state}`);
}

/** A node that a manager picked by itself; undefined: it kept the one that there was, or a person named it. */
function choiceOf(before: StatusRecord | undefined, next: StatusRecord): Choice | undefined {
  const node = next.target ?? next.node;
  if (node === undefined || next.state === "ignored") return undefined;
  if (node === before?.node || node === before?.target) return undefined;
  const { code } = next.reason;
  if (code === "located" || code === "home") return undefined;
  if (before === undefined || before.state === "queued") {
    // The first place may be the configured one, whatever rules say; it moves from there before it starts.
    if (next.target === undefined && code !== "placed") return undefined;
  }
  return { service: next.service, node, reason: code };
}

function checkChoice(
  { ledger, accuse }: CheckContext,
  facts: PlacementFacts,
  choice: Choice & { readonly careless: ReadonlySet<ServiceId> },
): void {
  const { service, node, reason, careless } = choice;
  const rule = facts.forbiddenBy(service, node);
  if (rule !== undefined) accuse("S8", `${service} goes to ${node} (${reason}) against "${rule}"`);
  const counterpart = facts.counterpartOn(service, node);
  if (counterpart !== undefined) {
    accuse("S8", `${service} goes to ${node} (${reason}), where ${counterpart} is, against a rule`);
  }
  const config = ledger.services.get(service)?.config;
  if (config === undefined || config.mayOvercommit || config.limits === undefined) return;
  if (config.limits.memoryBytes === 0) return;
  const missing = facts.overcommittedBytes(node, careless);
  if (missing > 0)
    accuse("S8", `${service} goes to ${node} (${reason}), which lacks ${missing} bytes`);
}

/** What its agent has reported released is nobody's until there is another instruction. */
function checkUntouched({ view, ledger, accuse }: CheckContext, carriedOut: CarriedOut): void {
  const { node, effect } = carriedOut;
  const service = touchedBy(effect);
  if (service === undefined) return;
  const status = ledger.statuses.get(service);
  const report = ledger.reports.get(service);
  if (status === undefined || status.node !== node || report?.uid !== status.uid) return;
  if (report.result !== "released" || report.node !== node) return;
  if (ledger.leases.get(node)?.epoch !== report.epoch) return; // the instruction went with the lease
  if (view.agentState(node)?.closing !== "no") return; // its node goes down
  accuse(
    "S8",
    `${node} does "${effect.kind}" to ${service}, which is left alone (${status.state})`,
  );
}

function touchedBy(effect: AgentEffect): ServiceId | undefined {
  switch (effect.kind) {
    case "start":
    case "stop":
    case "move":
      return effect.service;
    default:
      return undefined;
  }
}
