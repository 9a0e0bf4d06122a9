/** What a change of a deployment would come to, for a person to read before it begins. */
import type { RolloutPlan } from "../../../../wire/fleet/resources.ts";
import { formatSpan } from "../../../format/quantity.ts";
import { oneLine } from "../../../format/text-width.ts";

const namedMax = 10;

/** The plan as lines. */
export function planText(deployment: string, plan: RolloutPlan): string {
  const { installs, upgrades, removals, unchanged, steps, expectedMs, canEnd, blocks } = plan;
  const isNothing = installs.length + upgrades.length + removals.length === 0;
  const lines = [
    ...lineOf("starts on", installs),
    ...lineOf("is changed on", upgrades),
    ...lineOf("is stopped on", removals),
    ...(unchanged > 0 ? [`stays as it is on ${nodesText(unchanged)}`] : []),
    ...(isNothing && unchanged === 0 ? ["runs on no node"] : []),
  ].map((line) => `${deployment} ${line}\n`);
  const rollout = [
    ...(upgrades.length > 0
      ? [
          `its rollout takes ${steps} ${steps === 1 ? "step" : "steps"} one after the other, about ${formatSpan(expectedMs)}\n`,
        ]
      : []),
    ...(canEnd ? [] : ["its rollout cannot come to an end as things are:\n"]),
  ];
  const blocked = blocks.map(({ node, because }) => `  ${node}: ${oneLine(because)}\n`);
  const warnings = plan.warnings.map((warning) => `warning: ${oneLine(warning)}\n`);
  return [...lines, ...rollout, ...blocked, ...warnings].join("");
}

function lineOf(verb: string, nodes: readonly string[]): string[] {
  if (nodes.length === 0) return [];
  const more = nodes.length > namedMax ? ` and ${nodes.length - namedMax} more` : "";
  return [`${verb} ${nodesText(nodes.length)}: ${nodes.slice(0, namedMax).join(", ")}${more}`];
}

function nodesText(count: number): string {
  return count === 1 ? "1 node" : `${count} nodes`;
}
