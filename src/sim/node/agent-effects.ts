/** Carries out what the agent's core wants done, and brings the answers back as events. */
import type { AgentEffect } from "../../core/agent/effect.ts";
import type { AgentEvent } from "../../core/agent/event.ts";
import type { AgentState } from "../../core/agent/state.ts";
import { assertNever } from "../../core/assert.ts";
import type { NodeId, ServiceId } from "../../core/ids.ts";
import type { Engine } from "../engine/engine.ts";
import type { NodeClock } from "../engine/node-clock.ts";
import type { Process } from "../engine/process.ts";
import type { Driver } from "../workloads/driver.ts";
import { type CallerOptions, callOnce } from "./caller.ts";
import type { AgentDisk } from "./disk.ts";
import type { Guard } from "./guard.ts";
import { watchHealth } from "./watch-health.ts";

export interface EffectsOptions {
  readonly engine: Engine;
  readonly node: NodeId;
  readonly clock: NodeClock;
  readonly guard: Guard;
  readonly driver: Driver;
  readonly disk: AgentDisk;
  readonly calling: CallerOptions;
  readonly state: AgentState;
  readonly process: Process;
  readonly dispatch: (event: AgentEvent) => void;
  readonly onRequestLease: () => void;
  /** Everything has stopped, or goes on alone: the agent can end. */
  readonly onLeaving: () => void;
}

type EffectOf<Kind extends AgentEffect["kind"]> = Extract<AgentEffect, { readonly kind: Kind }>;

/** One server is given so long for a confirmation or a report. */
const callTimeoutMs = 2_000;

/** Returns the function that carries out one effect; what takes time goes on by itself. */
export function createEffects(options: EffectsOptions): (effect: AgentEffect) => void {
  const effects = new Effects(options);
  return (effect) => effects.perform(effect);
}

class Effects {
  readonly #options: EffectsOptions;
  /** The guard did not take these: that they run is not said (S1). */
  readonly #unguarded = new Set<ServiceId>();

  constructor(options: EffectsOptions) {
    this.#options = options;
  }

  perform(effect: AgentEffect): void {
    const { disk, onLeaving, onRequestLease, engine, node, process } = this.#options;
    engine.observer.onEffect?.({ node, life: process, effect });
    switch (effect.kind) {
      case "confirm":
        this.#confirm(effect);
        return;
      case "start":
        this.#start(effect);
        return;
      case "abort-start":
        this.#options.driver.abortStart(effect.instanceId);
        return;
      case "stop":
        this.#stop(effect);
        return;
      case "move":
        this.#move(effect);
        return;
      case "reconfigure":
        return;
      case "track":
        this.#track(effect);
        return;
      case "untrack":
        this.#untrack(effect);
        return;
      case "remember-failure":
        this.#remember(effect);
        return;
      case "forget":
        this.#unguarded.delete(effect.service);
        disk.failures.delete(effect.service);
        return;
      case "report":
        this.#report(effect);
        return;
      case "request-lease":
        onRequestLease();
        return;
      case "put-mode":
        this.#putMode(effect);
        return;
      case "all-stopped":
      case "all-released":
        onLeaving();
        return;
      case "log":
        this.#log(effect);
        return;
      default:
        assertNever(effect);
    }
  }

  #confirm({ service, uid, epoch }: EffectOf<"confirm">): void {
    const { calling, node, dispatch } = this.#options;
    const request = { kind: "confirm", node, service, uid, epoch } as const;
    callOnce(calling, request, callTimeoutMs, (answer) => {
      const isCurrent = answer.kind === "confirmed" && answer.current;
      const otherwise = answer.kind === "unavailable" ? "unknown" : "not-current";
      const word = isCurrent ? "current" : otherwise;
      dispatch({ kind: "confirm-answered", service, uid, epoch, answer: word });
    });
  }

  /** Under the guard, looked at the clock once more, and only then let run (S3). */
  #start(effect: EffectOf<"start">): void {
    const { guard, driver, disk, node, process, state, clock, dispatch } = this.#options;
    const { service, instanceId, epoch, uid, tracked, clearLocks } = effect;
    const phase = state.slots.get(service)?.phase;
    const restartKey = phase?.kind === "starting" ? phase.restartKey : "";
    const fail = (detail: string): void => {
      guard.untrack(instanceId);
      dispatch({ kind: "start-failed", service, instanceId, detail, remains: "nothing" });
    };
    if (tracked && guard.track(epoch, instanceId) !== "accepted") {
      fail("the guard lets nothing start: the lease was not renewed in time");
      return;
    }
    const untilMs = state.lease?.epoch === epoch ? state.lease.runUntilMs : undefined;
    if (untilMs === undefined || clock.nowMs >= untilMs) {
      fail("the lease was over before it could start");
      return;
    }
    this.#unguarded.delete(service);
    disk.failures.delete(service); // one record a service: that of the copy takes its place
    driver.start({
      owner: process,
      node,
      service,
      instanceId,
      uid,
      epoch,
      tracked,
      clearLocks,
      restartKey,
      done: (outcome) => {
        if (outcome.kind !== "ok") {
          fail(outcome.detail);
          return;
        }
        const copy = driver.options.copies.get(instanceId);
        if (copy !== undefined) watchHealth({ driver, process, onEvent: dispatch }, copy);
        dispatch({ kind: "started", service, instanceId });
      },
    });
  }

  #stop({ service, instanceId, timeoutMs }: EffectOf<"stop">): void {
    const { guard, driver, node, process, state, dispatch } = this.#options;
    const phase = state.slots.get(service)?.phase;
    const quiet = phase?.kind === "stopping" && phase.urgent;
    driver.stop({
      owner: process,
      node,
      service,
      instanceId,
      timeoutMs,
      quiet,
      done: (outcome) => {
        if (outcome.kind === "failed") {
          dispatch({ kind: "stop-failed", service, instanceId, detail: outcome.detail });
          return;
        }
        guard.untrack(instanceId);
        dispatch({ kind: "stopped", service, instanceId });
      },
    });
  }

  #move({ service, uid, instanceId, target, live }: EffectOf<"move">): void {
    const { guard, driver, node, process, dispatch } = this.#options;
    driver.move({
      owner: process,
      node,
      service,
      instanceId,
      target,
      live,
      done: (outcome) => {
        const isThere = outcome.kind === "failed" && outcome.remains === "running";
        if (instanceId !== undefined && !isThere) guard.untrack(instanceId);
        if (outcome.kind === "ok") {
          dispatch({ kind: "moved", service, uid });
          return;
        }
        const { detail, result, remains } = outcome;
        dispatch({ kind: "move-failed", service, uid, detail, result, remains });
      },
    });
  }

  #track({ service, instanceId }: EffectOf<"track">): void {
    const { guard, driver, state } = this.#options;
    const { copies } = driver.options;
    const copy = copies.get(instanceId);
    const epoch = state.lease?.epoch;
    if (copy === undefined || epoch === undefined) return;
    copies.put({ ...copy, tracked: true });
    if (guard.track(epoch, instanceId) === "accepted") this.#unguarded.delete(service);
    else this.#unguarded.add(service);
  }

  #untrack({ service, instanceId }: EffectOf<"untrack">): void {
    const { guard, driver } = this.#options;
    const { copies } = driver.options;
    this.#unguarded.delete(service);
    const copy = copies.get(instanceId);
    if (copy !== undefined) copies.put({ ...copy, tracked: false });
    guard.untrack(instanceId);
  }

  #remember({ service, uid, detail }: EffectOf<"remember-failure">): void {
    const { disk, state } = this.#options;
    const epoch = state.lease?.epoch;
    if (epoch !== undefined) disk.failures.set(service, { uid, epoch, detail });
  }

  #report({ service, sequence, content }: EffectOf<"report">): void {
    const { calling, node, dispatch, state, driver } = this.#options;
    const assignment = state.slots.get(service)?.assignment;
    const ordered = assignment?.kind === "given" ? assignment.instruction.state : undefined;
    // Taken over from a lost node, only to be stopped: it belongs here although it never started.
    if (ordered === "request_stop" && content.result === "stopped") {
      driver.options.facts.configure(service, node);
    }
    if (this.#unguarded.has(service)) {
      dispatch({ kind: "report-answered", service, sequence, answer: "unknown" });
      return;
    }
    callOnce(calling, { kind: "report", node, service, content }, callTimeoutMs, (answer) => {
      const isRefused = answer.kind === "refused" && answer.code === "stale-epoch";
      const otherwise = isRefused ? "refused" : "unknown";
      const word = answer.kind === "done" ? "accepted" : otherwise;
      dispatch({ kind: "report-answered", service, sequence, answer: word });
    });
  }

  #putMode({ mode, sequence }: EffectOf<"put-mode">): void {
    const { calling, node, state, dispatch } = this.#options;
    const epoch = state.lease?.epoch;
    if (epoch === undefined) {
      dispatch({ kind: "mode-answered", sequence, answer: "unknown" });
      return;
    }
    callOnce(calling, { kind: "mode", node, epoch, mode }, callTimeoutMs, (answer) => {
      const word = answer.kind === "done" ? "accepted" : "unknown";
      dispatch({ kind: "mode-answered", sequence, answer: word });
    });
  }

  #log({ sentence, service }: EffectOf<"log">): void {
    const { engine, node } = this.#options;
    const about = service === undefined ? node : `${service} on ${node}`;
    engine.tell({ kind: "note", about, sentence });
  }
}
