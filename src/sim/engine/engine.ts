/** What all parts of a simulated cluster share: time, network, store, and who is told what happens. */
import type { AgentEffect } from "../../core/agent/effect.ts";
import type { NodeId, ServiceId } from "../../core/ids.ts";
import type { Plan } from "../plan.ts";
import type { AgentAnswer, AgentRequest } from "../server/agent-protocol.ts";
import type { Commit, SimulatedStore } from "../store/simulated-store.ts";
import type { TraceLine } from "../trace.ts";
import type { Network } from "./network.ts";
import type { Schedule } from "./schedule.ts";

type LineOf<Kind extends TraceLine["kind"]> = Extract<TraceLine, { readonly kind: Kind }>;
type Untimed<Line> = Line extends unknown ? Omit<Line, "t"> : never;

/** A trace line without its time, which is the present. */
export type Telling = Untimed<Exclude<TraceLine, LineOf<"scenario">>>;

/** One change of one copy of a service. `gone`: nothing of it is left. */
export interface CopyChange {
  readonly service: ServiceId;
  readonly node: NodeId;
  readonly instanceId: string;
  readonly state: "starting" | "running" | "stopping" | "parked" | "gone";
}

/** Who watches the world. Callbacks must not act on it. */
export interface Observer {
  onTrace?(line: TraceLine): void;
  /** After every event: all that happens at one instant in one place. */
  onEvent?(): void;
  onCopy?(change: CopyChange): void;
  /** A revision of the store, at the instant at which it takes effect. */
  onCommit?(commit: Commit): void;
  /** A node's agent begins to carry out what its core wants; `life` is another one after each start of the agent. */
  onEffect?(carriedOut: {
    readonly node: NodeId;
    readonly life: object;
    readonly effect: AgentEffect;
  }): void;
  /** A server answers an agent or a guard; it was asked at `askedAtMs`. */
  onAnswer?(answered: {
    readonly request: AgentRequest;
    readonly answer: AgentAnswer;
    readonly askedAtMs: number;
  }): void;
}

export interface Engine {
  readonly plan: Plan;
  readonly schedule: Schedule;
  readonly network: Network;
  readonly store: SimulatedStore;
  readonly observer: Observer;
  /** Adds a line to the trace. */
  tell(telling: Telling): void;
}

/** The present instant as the trace has it: seconds, exact to the millisecond. */
export function traceTimeOf(nowMs: number): number {
  return Math.round(nowMs) / 1_000;
}
