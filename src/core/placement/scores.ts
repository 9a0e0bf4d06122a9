/** How well each node suits a service that is to start there, by the scheduler in force. */
import { assert } from "../assert.ts";
import type { NodeId } from "../ids.ts";
import type { Capacity } from "../model/capacity.ts";
import { closeness, yardstickOf } from "./topsis.ts";
import { type Criteria, criteriaAfter, type NodeLoad, sharesOf, spreadOf } from "./usage.ts";

export type { NodeLoad } from "./usage.ts";

/** What nodes are compared by: `basic`: number of services; `static`: what they may use; `dynamic`: what they use. */
export type Scheduler = "basic" | "static" | "dynamic";

/**
 * The score of each candidate for taking the demand, lower is better. `loads` are all online nodes: what the cluster
 * as a whole would look like decides. A demand of 0 cores is unlimited and counts as all that the node has. A
 * candidate without a load is a bug.
 */
export function scoreNodes(
  scheduler: Scheduler,
  loads: readonly NodeLoad[],
  demand: Capacity,
  candidates: readonly NodeId[],
): ReadonlyMap<NodeId, number> {
  const all = scheduler === "basic" ? countScores(loads) : topsisScores(loads, demand);
  return new Map(
    candidates.map((node) => {
      const score = all.get(node);
      assert(score !== undefined, `node "${node}" has a load when it is scored`);
      return [node, score];
    }),
  );
}

function countScores(loads: readonly NodeLoad[]): ReadonlyMap<NodeId, number> {
  return new Map(loads.map(({ node, serviceCount }) => [node, serviceCount]));
}

/** Alternatives are the cluster with the service on each node in turn. */
function topsisScores(loads: readonly NodeLoad[], demand: Capacity): ReadonlyMap<NodeId, number> {
  const spread = spreadOf(loads);
  const alternatives: readonly Criteria[] = loads.map((load, place) => {
    const { capacity } = load;
    const cpuCores = demand.cpuCores === 0 ? capacity.cpuCores : demand.cpuCores;
    const used = {
      cpuCores: load.cpuCores + cpuCores,
      memoryBytes: load.memoryBytes + demand.memoryBytes,
    };
    return criteriaAfter(spread, [{ place, after: sharesOf(used, capacity) }]);
  });
  const yardstick = yardstickOf(alternatives);
  return new Map(
    loads.map(({ node }, place) => {
      const alternative = alternatives[place];
      assert(alternative !== undefined, "there is an alternative for each node");
      return [node, -closeness(alternative, yardstick)];
    }),
  );
}
