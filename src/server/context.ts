/** What every route of the server works with. */
import type { ServerSecrets } from "../backup/item.ts";
import type { Result } from "../core/result.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { MemberAdmin } from "../ports/members.ts";
import type { Store } from "../ports/store.ts";
import type { launcherStates } from "../wire/servers.ts";
import type { AgentRelays } from "./agents/agent-relays.ts";
import type { InstructionHub } from "./agents/instruction-hub.ts";
import type { BundleKeeper } from "./bundles/keeper.ts";
import type { ControlPlane } from "./control-plane/control-plane.ts";
import type { ServerReach } from "./control-plane/server-reach.ts";
import type { StreamSet } from "./http/sse.ts";
import type { OfficeDuties } from "./office/duties.ts";
import type { Readiness } from "./readiness.ts";
import type { ClusterView } from "./view/cluster-view.ts";

/** As a server tells it of itself. */
export type LauncherWord = (typeof launcherStates)[number];

export interface ServerContext {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly view: ClusterView;
  /** Whether load balancers should send anybody here. */
  readonly readiness: Readiness;
  readonly serverId: string;
  readonly version: string;
  /** Of the store, as this program writes it. */
  readonly schema: number;
  readonly streams: StreamSet;
  readonly instructions: InstructionHub;
  /** Files for machines without internet. */
  readonly bundles: BundleKeeper;
  /** What persons want of agents. */
  readonly relays: AgentRelays;
  /** Undefined: the server was only started, never initialised. */
  readonly controlPlane: ControlPlane | undefined;
  /** The members of the store, where this server can look after them. */
  readonly members: MemberAdmin | undefined;
  /** Whether the manager's server is still there; undefined: the server was never initialised. */
  readonly reach: ServerReach | undefined;
  /** What goes with the office of manager on this machine; undefined: nothing. */
  readonly office: OfficeDuties | undefined;
  readonly dataDirectory: string;
  /** The certificate that it shows now; undefined: it speaks plain HTTP. */
  readonly certificatePem: () => string | undefined;
  /** Whether a launcher looks after this process now; undefined: nobody knows. */
  readonly launcher: (() => LauncherWord) | undefined;
  /** What a backup holds of this server's own files. */
  readonly secrets: () => Promise<Result<ServerSecrets, string>>;
  /** Tests check every answer against its schema. */
  readonly answers: "trusted" | "checked";
}
