/** Says why no node takes a service, in words that change only when the answer does. */
import type { NodeId } from "../../ids.ts";
import type { PlacedStatus, Service } from "../../model/service.ts";
import { refusalsOf } from "../../placement/select-node.ts";
import type { ManagerState } from "../state.ts";
import { barrierTo } from "./barrier.ts";
import { selectInputOf } from "./choose.ts";

/** Nodes and reasons that one sentence names; the rest is counted. */
const nodesShownMax = 5;
const reasonsShownMax = 3;

/** What stands against each online node, apart from `except`, as the end of a sentence. */
export function whyNowhere(
  state: ManagerState,
  service: Service,
  place: { readonly status: PlacedStatus; readonly except?: NodeId },
): string {
  const { status, except } = place;
  const input = selectInputOf(state, service, { status, preference: "best-score" });
  // How much memory is free changes all the time; that it does not suffice is enough to know.
  const refusals = refusalsOf({
    ...input,
    refusal: (node) => (input.refusal(node) === undefined ? undefined : "it lacks free memory"),
  });
  const nodesOf = new Map<string, NodeId[]>();
  for (const node of state.online) {
    if (node === except) continue;
    const because =
      barrierTo(state, service, status, node) ?? refusals.get(node)?.sentence ?? "it is full";
    const known = nodesOf.get(because);
    if (known === undefined) nodesOf.set(because, [node]);
    else known.push(node);
  }
  if (nodesOf.size === 0) return except === undefined ? "no node is online" : "no other is online";
  const against = [...nodesOf].map(([because, nodes]) => `${named(nodes)}: ${because}`);
  return limited(against, reasonsShownMax).join("; ");
}

function named(nodes: readonly NodeId[]): string {
  const quoted = nodes.map((node) => `"${node}"`);
  return `node${nodes.length === 1 ? "" : "s"} ${limited(quoted, nodesShownMax).join(", ")}`;
}

function limited(texts: readonly string[], countMax: number): readonly string[] {
  const restCount = texts.length - countMax;
  return restCount <= 0 ? texts : [...texts.slice(0, countMax), `and ${restCount} more`];
}
