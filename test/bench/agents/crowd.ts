/**
 * A process that plays many agents against one server: each joins, holds its instruction stream and renews its lease as
 * a real one would. Told by its parent what to do, in one message; it answers with counts when it is asked for them.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { createSecureContext } from "node:tls";
import * as z from "zod";
import { agentPaths, leaseAnswerSchema } from "../../../src/wire/agent-protocol.ts";
import { type Place, Wire } from "./wire.ts";

const orderSchema = z.object({
  host: z.string(),
  port: z.number(),
  authorityPem: z.string(),
  keyPem: z.string(),
  agents: z.array(z.object({ node: z.string(), certificatePem: z.string() })),
  /** The agents begin within this time, one after the other. */
  rampMs: z.number(),
});
export type CrowdOrder = z.output<typeof orderSchema>;

/** What has happened so far. */
export interface CrowdCounts {
  holding: number;
  renewals: number;
  /** Renewals without an answer, or with an error that may pass. */
  failures: number;
  /** Leases that the server called over. */
  lost: number;
  /** Time of each renewal, of the last thousand of them. */
  renewalMs: number[];
}

const counts: CrowdCounts = {
  holding: 0,
  renewals: 0,
  failures: 0,
  lost: 0,
  renewalMs: [],
};
const callMsMax = 2_000;

async function live(place: Place, node: string): Promise<never> {
  const wire = new Wire(place);
  const body = {
    agentVersion: "bench",
    properties: {},
    capacity: { cpuCores: 1, memoryBytes: 1e9 },
  };
  while ((await wire.post(agentPaths.join, body, callMsMax))?.status !== 200) await sleep(500);
  const incarnation = `bench-${node}-incarnation`;
  for (;;) {
    await wire.begin(agentPaths.instructions);
    const granted = await wire.ask({ incarnation }, callMsMax);
    const lease =
      granted?.status === 200 ? leaseAnswerSchema.safeParse(JSON.parse(granted.body)) : undefined;
    if (lease?.success !== true) {
      await sleep(500);
      continue;
    }
    counts.holding += 1;
    const { leaseId, epoch, renewEveryMs } = lease.data;
    for (;;) {
      await sleep(renewEveryMs * (0.95 + Math.random() * 0.1));
      await wire.begin(agentPaths.instructions);
      const beganAtMs = performance.now();
      const renewed = await wire.ask({ incarnation, renew: { leaseId, epoch } }, callMsMax);
      if (renewed?.status === 200) {
        counts.renewals += 1;
        counts.renewalMs.push(performance.now() - beganAtMs);
        if (counts.renewalMs.length > 2_000) counts.renewalMs.splice(0, 1_000);
      } else if (renewed?.status === 409) break;
      else counts.failures += 1;
    }
    counts.holding -= 1;
    counts.lost += 1;
  }
}

async function begin(order: CrowdOrder): Promise<void> {
  const { host, port, authorityPem: ca, keyPem: key } = order;
  const gapMs = order.rampMs / Math.max(1, order.agents.length);
  for (const { node, certificatePem: cert } of order.agents) {
    void live({ host, port, context: createSecureContext({ ca, cert, key }) }, node);
    await sleep(gapMs);
  }
}

process.on("message", (message) => {
  if (message === "counts") process.send?.(counts);
  else void begin(orderSchema.parse(message));
});
process.on("disconnect", () => process.exit(0));
