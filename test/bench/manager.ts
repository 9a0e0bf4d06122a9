/** What clusters of several sizes cost one manager; each size is measured in a process of its own. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import * as z from "zod";
import { root } from "../support/built-program.ts";

const run = promisify(execFile);
const reportCountMax = 1_000;
const sizeMsMax = 300_000;
/** Nodes and services of each cluster, the smallest first. */
const sizes = [
  [10, 1_000],
  [100, 10_000],
  [1_000, 100_000],
] as const;

const measuredSchema = z.object({
  nodeCount: z.number(),
  serviceCount: z.number(),
  loadMs: z.number(),
  reportMs: z.array(z.number()),
  lossMs: z.number(),
  lostCount: z.number(),
  rssBytes: z.number(),
});
export type ManagerMeasurement = z.output<typeof measuredSchema>;

/** Measures every size, one after the other. */
export async function measureManagers(
  tell: (line: string) => void,
): Promise<readonly ManagerMeasurement[]> {
  const results: ManagerMeasurement[] = [];
  for (const [nodeCount, serviceCount] of sizes) {
    const script = join(root, "test/bench/manager-size.ts");
    // Each report is of another service; half of them are left to be lost with their node.
    const count = Math.min(reportCountMax, serviceCount / 2);
    const words = [script, String(nodeCount), String(serviceCount), String(count)];
    const { stdout } = await run(process.execPath, words, { timeout: sizeMsMax });
    results.push(measuredSchema.parse(JSON.parse(stdout)));
    tell(`manager: ${nodeCount} nodes, ${serviceCount} services measured`);
  }
  return results;
}
