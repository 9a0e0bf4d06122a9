/**
 * What a person wants of a node as a whole, beside maintenance: whether it takes services, whether those that it has stay,
 * and whether it is watched at all. It holds until a person says something else.
 */
import { err, ok, type Result } from "../result.ts";

/**
 * `disabled`: takes nothing new; what is there stays and is looked after. `flushed`: the same, and what can move leaves.
 * `offline`: it is not watched: what is there is left alone, whatever becomes of its lease.
 */
export const nodeModes = ["enabled", "disabled", "flushed", "offline"] as const;
export type NodeMode = (typeof nodeModes)[number];

/** What people order. */
export const nodeOrders = ["disable", "offline", "flush", "enable"] as const;
export type NodeOrder = (typeof nodeOrders)[number];

type Transitions = Readonly<Record<NodeMode, Readonly<Record<NodeOrder, NodeMode | "refused">>>>;

/** Every order in every mode. One that asks for what is there already changes nothing; only `enable` ends `offline`. */
export const nodeModeTransitions: Transitions = {
  enabled: { disable: "disabled", offline: "offline", flush: "flushed", enable: "enabled" },
  disabled: { disable: "disabled", offline: "offline", flush: "flushed", enable: "enabled" },
  flushed: { disable: "disabled", offline: "offline", flush: "flushed", enable: "enabled" },
  offline: { disable: "refused", offline: "offline", flush: "refused", enable: "enabled" },
};

/** The mode after the order; the error says why it is refused, as the end of a sentence. */
export function modeAfter(mode: NodeMode, order: NodeOrder): Result<NodeMode, string> {
  const next = nodeModeTransitions[mode][order];
  return next === "refused" ? err("it is offline, and only enable ends that") : ok(next);
}

/** What the mode means for the node, for a person; empty: it is as any other. */
export function nodeModeWords(mode: NodeMode): string {
  switch (mode) {
    case "enabled":
      return "";
    case "disabled":
      return "a person has disabled it: it takes no new services";
    case "flushed":
      return "a person has flushed it: its services leave, and it takes no others";
    case "offline":
      return "a person has put it offline: it is not watched, and what is there is left alone";
  }
}
