/** Services that a person moves by hand, behind the manager's back; only of what nobody watches. */
import type { AgentState } from "../../core/agent/state.ts";
import type { NodeId, ServiceId } from "../../core/ids.ts";
import { keys } from "../../wire/records.ts";
import type { Engine } from "../engine/engine.ts";
import { readArming, readLease, readService, readStatus } from "../store/records.ts";
import type { Driver } from "../workloads/driver.ts";

export interface HandMoveOptions {
  readonly engine: Engine;
  readonly driver: Driver;
  readonly agentState: (node: NodeId) => AgentState | undefined;
}

/** Moves it if it may be moved by hand now; the answer says why not. What runs goes on where it is brought. */
export function moveByHand(
  options: HandMoveOptions,
  service: ServiceId,
  target: NodeId,
): string | undefined {
  const { engine, driver } = options;
  if (!isUp(options, target)) return "its node is not up";
  const why = whyNot(options, service);
  if (why !== undefined) return why;
  const { copies, facts } = driver.options;
  const ran = copies.of(service).filter((copy) => copy.node !== target);
  for (const { instanceId } of ran) driver.kill(instanceId, "a person has moved it by hand");
  facts.configure(service, target);
  const isThere = copies.of(service).some((copy) => copy.node === target);
  const isRunning = ran.some((copy) => copy.state === "running");
  if (isRunning && !isThere && engine.network.isPowered(target)) {
    driver.placeByHand(service, target);
  }
  return undefined;
}

/** A person puts nothing on a machine that is just coming up. */
function isUp({ engine, agentState }: HandMoveOptions, node: NodeId): boolean {
  const entry = engine.store.get(`${keys.leases}${node}`);
  return entry !== undefined && agentState(node)?.lease?.epoch === readLease(entry).epoch;
}

/** Only what is ignored, stopped, or suspended in a disarmed cluster, and of which its agent knows that. */
function whyNot({ engine, agentState }: HandMoveOptions, service: ServiceId): string | undefined {
  const { store } = engine;
  const statusEntry = store.get(`${keys.statuses}${service}`);
  if (statusEntry === undefined) return undefined;
  const status = readStatus(statusEntry);
  const configEntry = store.get(`${keys.services}${service}`);
  const armingEntry = store.get(keys.arming);
  const requested = configEntry === undefined ? undefined : readService(configEntry).config.state;
  const isIgnored = status.state === "ignored" && requested === "ignored";
  const isStopped = status.state === "stopped" && requested !== "started";
  const isDisarmed = armingEntry !== undefined && readArming(armingEntry).mode === "ignore";
  const isSuspended = status.suspended === true && isDisarmed;
  if (!isIgnored && !isStopped && !isSuspended) return "it is managed";
  const agent = status.node === undefined ? undefined : agentState(status.node);
  const slot = agent?.slots.get(service);
  if (agent === undefined || slot === undefined) return undefined;
  const isTold = slot.assignment.kind === "given" && slot.assignment.instruction.uid === status.uid;
  const isQuiet = slot.phase.kind === "running" || slot.phase.kind === "down";
  return isTold && isQuiet ? undefined : "its agent has not let go of it yet";
}
