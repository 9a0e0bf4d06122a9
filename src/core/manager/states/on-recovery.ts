/** A service whose lost copy is known dead: it gets a new node as soon as there is one. */
import type { Service, SettledStatus } from "../../model/service.ts";
import { refuseCommand } from "../commands.ts";
import {
  type Context,
  forgetService,
  isOnline,
  nodeOf,
  setStatus,
  successor,
  type Verdict,
} from "../context.ts";
import { tallyOf } from "../memory/tally.ts";
import { boundNode } from "../moves/barrier.ts";
import { placeAnew } from "../moves/choose.ts";
import { whyNowhere } from "../moves/nowhere.ts";
import { isPinned } from "../moves/pinned.ts";
import { mayRecover, noteRecovery, noteUnplaced } from "../policy/brake.ts";
import { arrive } from "../transitions.ts";

/** Takes the service over on the best node; none permitted: it waits, for ever if need be. */
export function onRecovery(context: Context, service: Service, status: SettledStatus): Verdict {
  if (service.removing) {
    forgetService(context, service.id, { code: "removing" });
    return "settled";
  }
  refuseCommand(context, service, "it is being recovered");
  if (service.requested === "ignored") return "settled";
  if (!mayRecover(context, service.id)) {
    return service.requested === "disabled" ? waitForNode(context, service, status) : "settled";
  }
  const best = placeAnew(context.state, service, status);
  if (best === undefined) {
    noteUnplaced(context, service.id);
    return waitForNode(context, service, status);
  }
  const { serviceCount } = tallyOf(context.state.tallies, best.node);
  const lost = nodeOf(context, status.node);
  noteRecovery(context, service.id);
  return arrive(context, service, {
    status,
    node: best.node,
    clearLocks: true,
    condition: { node: lost.id, epoch: lost.epoch },
    reason: {
      code: "recovered",
      from: lost.id,
      to: best.node,
      because: best.because,
      serviceCount,
    },
  });
}

function waitForNode(context: Context, service: Service, status: SettledStatus): Verdict {
  if (service.requested !== "disabled") return sayWhatItWaitsFor(context, service, status);
  const base = successor(context, status);
  const reason = { code: "requested", requested: service.requested } as const;
  setStatus(context, {
    ...base,
    state: "stopped",
    failedNodes: [],
    mayOutliveLease: false,
    reason,
  });
  return "changed";
}

/** Its volumes' node, or any node that takes it; said anew only when it is another thing. */
function sayWhatItWaitsFor(context: Context, service: Service, status: SettledStatus): Verdict {
  const { state } = context;
  const known = status.reason;
  const bound = boundNode(state, service, status);
  if (bound !== undefined && !isOnline(context, bound)) {
    if (known.code === "waits-for-volumes" && known.node === bound) return "settled";
    const reason = { code: "waits-for-volumes", node: bound, volumes: service.volumes } as const;
    setStatus(context, { ...status, reason });
    return "settled";
  }
  const because = isPinned(service.id)
    ? "it is the instance of that node"
    : whyNowhere(state, service, { status });
  if (known.code === "waits-for-node" && known.because === because) return "settled";
  setStatus(context, { ...status, reason: { code: "waits-for-node", lost: status.node, because } });
  return "settled";
}
