/** S1: a service executes at most once at any instant, wherever that is. */
import type { ServiceId } from "../../../core/ids.ts";
import { type Copy, isExecuting } from "../../node/copies.ts";
import type { Check, CheckContext } from "../check.ts";

/** Looks, after each event, at the services whose copies have changed in it. */
export function createOneCopyCheck({ view, accuse }: CheckContext): Check {
  const executing = new Map<ServiceId, Set<string>>();
  const doubted = new Set<ServiceId>();
  return {
    onCopy({ service, instanceId, state }) {
      const instances = executing.get(service) ?? new Set();
      executing.set(service, instances);
      if (state === "gone" || state === "parked") instances.delete(instanceId);
      else instances.add(instanceId);
      if (instances.size > 1) doubted.add(service);
    },
    onEvent() {
      if (doubted.size === 0) return;
      for (const service of doubted) {
        const copies = [...(executing.get(service) ?? [])]
          .map((instanceId) => view.copies.get(instanceId))
          .filter((copy): copy is Copy => copy !== undefined && isExecuting(copy));
        if (copies.length > 1) {
          const places = copies.map(({ node, state }) => `${node} (${state})`).join(" and ");
          accuse("S1", `${service} executes on ${places} at the same time`);
        }
      }
      doubted.clear();
    },
  };
}
