/** Who stays on a node that is flushed, because no other node takes it: told to whoever flushes it. */
import { compareIds, type NodeId, type ServiceId } from "../../ids.ts";
import { isPlaced } from "../../model/service.ts";
import type { ManagerState } from "../state.ts";
import { chooseNode } from "./choose.ts";
import { whyNowhere } from "./nowhere.ts";
import { isPinned } from "./pinned.ts";

/** A service that cannot leave now. */
export interface Staying {
  readonly service: ServiceId;
  /** The end of a sentence. */
  readonly because: string;
}

/** By what is known now, in order of id; what does not run there, or is in nobody's hands, is not asked to leave. */
export function stayingOn(state: ManagerState, node: NodeId): readonly Staying[] {
  const staying: Staying[] = [];
  for (const id of [...(state.servicesOn.get(node) ?? [])].sort(compareIds)) {
    const service = state.services.get(id);
    const status = state.statuses.get(id);
    if (service === undefined || status === undefined || !isPlaced(status)) continue;
    if (status.state !== "started" && status.state !== "request_start") continue;
    if (isPinned(id)) {
      staying.push({ service: id, because: "it is the instance of that node" });
      continue;
    }
    if (chooseNode(state, service, { status, preference: "best-score" }) !== undefined) continue;
    staying.push({ service: id, because: whyNowhere(state, service, { status, except: node }) });
  }
  return staying;
}
