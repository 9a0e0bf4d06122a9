/**
 * What the safety checks are told, as it happens: every change of a copy, every commit of the store, every effect that
 * an agent carries out and every answer that a server gives. Nothing here can change the world.
 */
import type { AgentState } from "../../core/agent/state.ts";
import type { NodeId } from "../../core/ids.ts";
import type { ManagerState } from "../../core/manager/state.ts";
import type { Observer } from "../engine/engine.ts";
import type { Copy } from "../node/copies.ts";
import type { Plan } from "../plan.ts";

type Told<Name extends keyof Observer> = Parameters<NonNullable<Observer[Name]>>[0];

/** An effect of an agent's core that its runtime begins to carry out. */
export type CarriedOut = Told<"onEffect">;
/** What a server says to an agent, or to a guard. */
export type Answered = Told<"onAnswer">;

/** What the checks may look at besides what they are told. */
export interface WorldView {
  readonly nowMs: number;
  readonly plan: Plan;
  /** Every copy of every service, by instance id. */
  readonly copies: ReadonlyMap<string, Copy>;
  /** The memory of the manager that is in office; undefined: there is none, or it has not loaded. */
  managerState(): ManagerState | undefined;
  /** The memory of the agent on a node; undefined: it does not run. */
  agentState(node: NodeId): AgentState | undefined;
}

/** The safety rules (`docs/safety.md`), and `bug`: an assertion that names none. */
export type RuleName = "S1" | "S2" | "S3" | "S4" | "S5" | "S6" | "S7" | "S8" | "S9" | "bug";

/** A rule was broken: when, and how, as a sentence. */
export interface Violation {
  readonly atMs: number;
  readonly rule: RuleName;
  readonly sentence: string;
}

/** Says that a rule was broken now. */
export type Accuse = (rule: RuleName, sentence: string) => void;
