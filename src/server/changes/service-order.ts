/** The order that services name among each other: it must lead somewhere, never back to where it began. */
import type { ServiceId } from "../../core/ids.ts";

/** Whom a service waits for. */
type Predecessors = (service: ServiceId) => readonly ServiceId[];

/** A way from the service back to itself, first and last the service; undefined: there is none. */
export function findCycle(
  service: ServiceId,
  predecessors: Predecessors,
): readonly ServiceId[] | undefined {
  /** By whom each was reached first; also who has been looked at. */
  const reachedFrom = new Map<ServiceId, ServiceId>();
  const waiting: ServiceId[] = [service];
  for (let current = waiting.pop(); current !== undefined; current = waiting.pop()) {
    for (const next of predecessors(current)) {
      if (next === service) return pathTo(current, service, reachedFrom);
      if (reachedFrom.has(next)) continue;
      reachedFrom.set(next, current);
      waiting.push(next);
    }
  }
  return undefined;
}

function pathTo(
  last: ServiceId,
  service: ServiceId,
  reachedFrom: ReadonlyMap<ServiceId, ServiceId>,
): readonly ServiceId[] {
  const path: ServiceId[] = [service];
  let step: ServiceId | undefined = last;
  while (step !== undefined && step !== service) {
    path.unshift(step);
    step = reachedFrom.get(step);
  }
  return [service, ...path];
}
