/** Carries out what the core wants, and brings the answers back as events. */
import type { AgentEffect } from "../core/agent/effect.ts";
import type { AgentEvent } from "../core/agent/event.ts";
import { assertNever } from "../core/assert.ts";
import type { Epoch, ServiceId } from "../core/ids.ts";
import type { Log } from "../ports/log.ts";
import type { ServiceFiles } from "./disk/records.ts";
import type { ManagerCalls } from "./link/manager-calls.ts";
import type { Workloads } from "./workloads.ts";

export interface EffectsOptions {
  readonly calls: ManagerCalls;
  readonly log: Log;
  readonly workloads: Workloads;
  readonly files: ServiceFiles;
  readonly bootId: string;
  readonly epochOf: () => Epoch | undefined;
  readonly dispatch: (event: AgentEvent) => void;
  readonly onRequestLease: () => void;
  /** Nothing runs here any more, or what runs goes on alone: the lease can be released. */
  readonly onLeft: (how: "all-stopped" | "all-released") => void;
}

type EffectOf<Kind extends AgentEffect["kind"]> = Extract<AgentEffect, { kind: Kind }>;

/** Returns the function that carries out one effect; what takes time goes on by itself. */
export function createEffects(options: EffectsOptions): (effect: AgentEffect) => void {
  const { calls, workloads, log } = options;

  /** What the guard says to the last `track` of a service: a report under the same instruction waits for it. */
  const tracking = new Map<ServiceId, Promise<boolean>>();

  async function report(effect: EffectOf<"report">): Promise<void> {
    const { service, sequence } = effect;
    if ((await tracking.get(service)) === false) {
      // The manager takes "running" for "the guard watches it"; without the guard's word it is not said.
      options.dispatch({ kind: "report-answered", service, sequence, answer: "unknown" });
    } else calls.report(effect);
  }

  async function remember(effect: EffectOf<"remember-failure">): Promise<void> {
    const { service, uid, detail } = effect;
    const epoch = options.epochOf();
    if (epoch === undefined) return; // nothing of an epoch that is over is reported again
    const saved = await options.files.save({
      version: 1,
      service,
      bootId: options.bootId,
      uid,
      epoch,
      tracked: false,
      failure: detail,
    });
    if (!saved.ok) log.write("error", saved.error, { service });
  }

  async function track({ service, instanceId }: EffectOf<"track">): Promise<void> {
    const asked = workloads.track(instanceId);
    tracking.set(service, asked);
    const tracked = await asked;
    if (tracked && tracking.get(service) === asked) tracking.delete(service);
    if (!tracked) log.write("warn", "the guard does not take it: the lease is over", { service });
  }

  async function forget({ service }: EffectOf<"forget">): Promise<void> {
    const removed = await options.files.remove(service);
    if (!removed.ok) log.write("error", removed.error, { service });
  }

  return (effect) => {
    switch (effect.kind) {
      case "confirm":
        void calls.confirm(effect);
        return;
      case "start":
        void workloads.start(effect);
        return;
      case "abort-start":
      case "stop":
        void workloads.stop(effect);
        return;
      case "move":
        void workloads.move(effect);
        return;
      case "reconfigure":
        workloads.reconfigure(effect.service, effect.instanceId);
        return;
      case "track":
        void track(effect);
        return;
      case "untrack":
        tracking.delete(effect.service);
        workloads.untrack(effect.instanceId);
        return;
      case "remember-failure":
        void remember(effect);
        return;
      case "forget":
        tracking.delete(effect.service);
        void forget(effect);
        return;
      case "report":
        void report(effect);
        return;
      case "request-lease":
        options.onRequestLease();
        return;
      case "put-mode":
        void calls.putMode(effect);
        return;
      case "all-stopped":
      case "all-released":
        options.onLeft(effect.kind);
        return;
      case "log": {
        const fields = effect.service === undefined ? {} : { service: effect.service };
        log.write(effect.level, effect.sentence, fields);
        return;
      }
      default:
        assertNever(effect);
    }
  };
}
