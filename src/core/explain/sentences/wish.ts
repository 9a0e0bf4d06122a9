/** Sentences about what people want of a service, and where it is placed for that. */
import { assertNever } from "../../assert.ts";
import type { FleetReason } from "../fleet-reason.ts";
import type { Reason } from "../reason.ts";
import type { ClusterReason } from "./cluster.ts";
import type { MoveReason } from "./move.ts";
import type { NodeReason } from "./node.ts";
import type { ReportReason } from "./report.ts";
import type { ServerReason } from "./server.ts";
import { becauseOf, spanOf } from "./words.ts";

type WishReason = Exclude<
  Reason,
  ReportReason | MoveReason | NodeReason | ClusterReason | ServerReason | FleetReason
>;

/** The sentence, without a full stop. */
export function sentenceAboutWish(reason: WishReason): string {
  switch (reason.code) {
    case "added":
      return "it was added";
    case "no-node-online":
      return "no permitted node is online and has room; it is placed as soon as one is";
    case "cold-start":
      return `the cluster is starting: it waits up to ${spanOf(reason.waitMs)} for the nodes that are known, so that not everything goes to the first one`;
    case "placed":
      return `node "${reason.node}" is ${becauseOf(reason.because, reason.serviceCount)}`;
    case "home":
      return `node "${reason.node}" is its configured node and online`;
    case "requested":
      return `it was requested ${reason.requested}`;
    case "removing":
      return "it was removed by a person";
    case "ignored":
      return "it was requested ignored: left as it is";
    case "managed-again":
      return "it is managed again";
    case "isolation-policy":
      return `onIsolation was changed to ${reason.onIsolation}`;
    case "waits-for":
      return `it starts when ${reason.service} runs`;
    case "no-longer-waits":
      return "what it waited for is running";
    case "requirement-lost":
      return `it cannot do without ${reason.service}, which is not to run or in error`;
    default:
      return assertNever(reason);
  }
}
