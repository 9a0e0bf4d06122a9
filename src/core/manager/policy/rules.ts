/** Keeps the compiled rules up to date, and tells people which rules are ignored and why. */
import type { ServiceId } from "../../ids.ts";
import { compileRulebook, type Rulebook } from "../../placement/rulebook.ts";
import { type Context, markWaitingDirty } from "../context.ts";
import type { ManagerState } from "../state.ts";

/** Compiles the rules anew if anything that they rest on has changed; who is concerned is looked at. */
export function refreshRulebook(context: Context): void {
  const { state } = context;
  if (!state.rulebookStale) return;
  state.rulebookStale = false;
  const before = state.rulebook;
  const ruleServices = new Set<ServiceId>();
  for (const rule of state.rules.values()) for (const id of rule.services) ruleServices.add(id);
  state.ruleServices = ruleServices;
  if (state.rules.size === 0 && state.groups.size === 0 && isEmpty(before)) return;
  state.rulebook = compileRulebook({
    rules: [...state.rules.values()],
    groups: [...state.groups.values()],
    members: membersOf(state),
    nodes: new Set([...state.nodes.keys()].filter((node) => !state.gone.has(node))),
    services: state.services,
  });
  markConcerned(state, before);
  markConcerned(state, state.rulebook);
  markWaitingDirty(state);
  tellRejections(context, before);
}

function isEmpty(rulebook: Rulebook): boolean {
  return (
    rulebook.nodeAffinity.size === 0 &&
    rulebook.together.size === 0 &&
    rulebook.apart.size === 0 &&
    rulebook.rejections.length === 0
  );
}

function* membersOf(state: ManagerState): Iterable<{ service: ServiceId; group: string }> {
  for (const [group, services] of state.membersOf) {
    for (const service of services) yield { service, group };
  }
}

function markConcerned(state: ManagerState, rulebook: Rulebook): void {
  for (const service of rulebook.nodeAffinity.keys()) state.dirty.add(service);
  for (const service of rulebook.together.keys()) state.dirty.add(service);
  for (const service of rulebook.apart.keys()) state.dirty.add(service);
}

function tellRejections(context: Context, before: Rulebook): void {
  const { rejections } = context.state.rulebook;
  const keyOf = (rejection: { rule: string; because: string }) =>
    `${rejection.rule}\n${rejection.because}`;
  const known = new Set(before.rejections.map(keyOf));
  const isSame =
    rejections.length === before.rejections.length &&
    rejections.every((rejection) => known.has(keyOf(rejection)));
  if (isSame && before.rejections.length > 0) return;
  if (isSame && context.state.toldRejections) return;
  context.state.toldRejections = true;
  context.effects.push({ kind: "put-rejected-rules", rejections });
  for (const { rule, because } of rejections) {
    if (known.has(keyOf({ rule, because }))) continue;
    context.effects.push({
      kind: "announce",
      subject: rule,
      reason: { code: "rule-rejected", rule, because },
    });
  }
  for (const rule of inForceAgain(context.state, before)) {
    context.effects.push({
      kind: "announce",
      subject: rule,
      reason: { code: "rule-in-force", rule },
    });
  }
}

/** Rules that were ignored and are not any more; one that is gone or disabled is not in force either. */
function inForceAgain(state: ManagerState, before: Rulebook): Iterable<string> {
  const names = new Set<string>();
  for (const { rule } of before.rejections) names.add(rule);
  for (const { rule } of state.rulebook.rejections) names.delete(rule);
  return [...names].filter((name) => isEnabled(state, name));
}

function isEnabled(state: ManagerState, name: string): boolean {
  const rule = state.rules.get(name);
  if (rule !== undefined) return !rule.disabled;
  return [...state.groups.keys()].some((group) => name === `group ${group}`);
}
