/** What the random events of a plan know and write: the cluster, its times, and the actions so far. */
import { instanceIdOf, type NodeId, type ServiceId } from "../../core/ids.ts";
import type { LeaseTimes } from "../../core/model/times.ts";
import type { DefinitionPlan } from "../fleet-plan.ts";
import type { Action, NodePlan, Pace, ServicePlan, TimedAction } from "../plan.ts";
import type { Dice } from "./dice.ts";

/** The cluster as the plan begins with it, and what is added on the way. */
export interface Cast {
  readonly nodes: readonly NodePlan[];
  readonly services: ServicePlan[];
  /** Names of deployments, and the versions that they can be of; none without a fleet. */
  readonly deployments: readonly string[];
  readonly definitions: DefinitionPlan[];
  readonly pace: Pace;
  readonly times: LeaseTimes;
}

/** Collects actions within the time in which there may be faults. */
export class Script {
  readonly dice: Dice;
  readonly cast: Cast;
  /** Faults end before this instant. */
  readonly untilMs: number;
  readonly #actions: TimedAction[] = [];

  constructor(dice: Dice, cast: Cast, untilMs: number) {
    this.dice = dice;
    this.cast = cast;
    this.untilMs = untilMs;
  }

  get actions(): readonly TimedAction[] {
    return this.#actions;
  }

  /** Something happens at `atMs`, or at the end of the time of faults if that is earlier. */
  at(atMs: number, action: Action): void {
    this.#actions.push({ atMs: Math.min(Math.round(atMs), this.untilMs), action });
  }

  /** Something begins, and ends after a while. */
  during(atMs: number, forMs: number, actions: readonly [begin: Action, end: Action]): void {
    this.at(atMs, actions[0]);
    this.at(atMs + forMs, actions[1]);
  }

  node(): NodeId {
    return this.dice.pick(this.cast.nodes).node;
  }

  server(): NodeId {
    return this.dice.pick(this.cast.nodes.filter(({ server }) => server)).node;
  }

  service(): ServiceId {
    return this.dice.pick(this.cast.services).id;
  }

  /** The instance of some deployment on some node. */
  instance(): ServiceId {
    const name = this.dice.pick(this.cast.deployments);
    return instanceIdOf("process", name, this.node());
  }

  /** A while: often just shorter or longer than one of the times that decide. */
  while(): number {
    const { dice } = this;
    const { ttlMs, watchdogMs, renewEveryMs } = this.cast.times;
    const { electionTtlMs, operationMs } = this.cast.pace;
    if (dice.chance(40)) return dice.spread(50, 120_000);
    const about = dice.pick([
      ttlMs,
      watchdogMs,
      ttlMs - watchdogMs,
      renewEveryMs,
      electionTtlMs,
      operationMs,
    ]);
    return Math.max(1, Math.round((about * dice.between(70, 130)) / 100));
  }
}
