/** Turns a reason into the one sentence that log, API, CLI and console show, without a full stop. */
import type { WaitReason } from "./fleet-reason.ts";
import type { Reason } from "./reason.ts";
import { type ClusterReason, clusterCodes, sentenceAboutCluster } from "./sentences/cluster.ts";
import {
  type FleetEventReason,
  fleetCodes,
  sentenceAboutFleet,
  sentenceAboutWait,
  waitCodes,
} from "./sentences/fleet.ts";
import { type MoveReason, moveCodes, sentenceAboutMove } from "./sentences/move.ts";
import { type NodeReason, nodeCodes, sentenceAboutNode } from "./sentences/node.ts";
import { type ReportReason, reportCodes, sentenceAboutReport } from "./sentences/report.ts";
import { type ServerReason, sentenceAboutServer, serverCodes } from "./sentences/server.ts";
import { sentenceAboutWish } from "./sentences/wish.ts";

/** The sentence for a person. */
export function sentenceOf(reason: Reason): string {
  if (isOf<ReportReason>(reason, reportCodes)) return sentenceAboutReport(reason);
  if (isOf<MoveReason>(reason, moveCodes)) return sentenceAboutMove(reason);
  if (isOf<NodeReason>(reason, nodeCodes)) return sentenceAboutNode(reason);
  if (isOf<ClusterReason>(reason, clusterCodes)) return sentenceAboutCluster(reason);
  if (isOf<ServerReason>(reason, serverCodes)) return sentenceAboutServer(reason);
  if (isOf<FleetEventReason>(reason, fleetCodes)) return sentenceAboutFleet(reason);
  if (isOf<WaitReason>(reason, waitCodes)) return sentenceAboutWait(reason);
  return sentenceAboutWish(reason);
}

function isOf<Kind extends Reason>(reason: Reason, codes: readonly Kind["code"][]): reason is Kind {
  return codes.some((code) => code === reason.code);
}
