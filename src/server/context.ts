/** What every route of the server works with. */
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Store } from "../ports/store.ts";
import type { InstructionHub } from "./agents/instruction-hub.ts";
import type { LogRelay } from "./agents/log-relay.ts";
import type { StreamSet } from "./http/sse.ts";
import type { ClusterView } from "./view/cluster-view.ts";

export interface ServerContext {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly view: ClusterView;
  readonly serverId: string;
  readonly version: string;
  readonly streams: StreamSet;
  readonly instructions: InstructionHub;
  readonly logs: LogRelay;
  /** Tests check every answer against its schema. */
  readonly answers: "trusted" | "checked";
}
