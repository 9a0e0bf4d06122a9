/** Holdfast's balancer inside the test, with a log that can be read. */

import type { TestContext } from "node:test";
import { systemClock } from "../../../src/adapters/clock/system-clock.ts";
import {
  type BalancerOptions,
  type RunningBalancer,
  startBalancer,
} from "../../../src/balancer/start.ts";
import { createTestLog } from "../../agent/support/tools.ts";

export interface Started {
  readonly balancer: RunningBalancer;
  readonly port: number;
  /** All lines of the log so far. */
  readonly lines: readonly string[];
}

/** Starts it on a free port; it ends with the test. */
export async function startInProcess(
  t: TestContext,
  options: Partial<BalancerOptions>,
): Promise<Started> {
  const log = createTestLog();
  const started = await startBalancer({
    listen: { host: "127.0.0.1", port: 0 },
    servers: [],
    token: undefined,
    authorityFile: undefined,
    check: "readyz",
    dataDirectory: undefined,
    connectionsMax: 1_000,
    drainMs: 0,
    clock: systemClock,
    log,
    ...options,
  });
  if (!started.ok) throw new Error(started.error);
  const balancer = started.value;
  t.after(() => balancer.close());
  return { balancer, port: Number(balancer.address.split(":")[1]), lines: log.lines };
}
