/** What persons want of this agent now: a service's output, or a command beside it. */
import { type ServiceId, serviceTypeOf } from "../core/ids.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { WorkloadDriver, WorkloadInstance } from "../ports/workload.ts";
import type { AgentOrder } from "../wire/agent-protocol.ts";
import { createExecSessions } from "./link/exec-sessions.ts";
import { createLogUploads } from "./link/log-upload.ts";
import type { Servers } from "./link/servers.ts";

export interface OrdersOptions {
  readonly servers: Servers;
  readonly clock: Clock;
  readonly log: Log;
  readonly drivers: ReadonlyMap<string, WorkloadDriver>;
  /** What runs here. */
  readonly instances: () => readonly WorkloadInstance[];
}

export interface Orders {
  /** `servers` are ways to the one that waits for the answer, the best first. */
  take(order: AgentOrder, servers: readonly [string, ...string[]]): void;
  /** Kills all commands, and takes none any more. Resolves when they are over. */
  close(): Promise<void>;
}

export function createOrders(options: OrdersOptions): Orders {
  const { servers, log, drivers } = options;
  const uploads = createLogUploads(servers, log);
  const execs = createExecSessions(options);

  function instanceOf(service: ServiceId): WorkloadInstance | undefined {
    return options.instances().find((instance) => instance.service === service);
  }

  return {
    take(order, ways) {
      const driver = drivers.get(serviceTypeOf(order.service));
      if (order.kind === "exec-request") {
        void execs.begin(order, { driver, instance: instanceOf(order.service) }, ways);
      } else if (driver !== undefined) {
        void uploads.begin(order, driver, ways[0]);
      }
    },
    close: execs.close,
  };
}
