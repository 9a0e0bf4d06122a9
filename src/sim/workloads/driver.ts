/** Starts, stops and moves copies, each in its time, as well or badly as the plan says. */
import type { NodeId, ServiceId } from "../../core/ids.ts";
import type { Copy } from "../node/copies.ts";
import { moveCopy } from "./driver-moves.ts";
import type { DriverOptions } from "./driver-options.ts";
import type { MoveOrder, StartOrder, StopOrder } from "./orders.ts";

/** An operation that goes on. */
interface Operation {
  readonly instanceId: string;
  readonly service: ServiceId;
  finish: (() => void) | undefined;
  /** Its time is over, and it hangs. */
  hanging: boolean;
}

/** A health check that never passes is waited for so long, as the longest start period says. */
const startMsMax = 86_400_000;
/** A kill takes at most so long. */
const killMsMax = 20;

/** The drivers of all nodes. */
export class Driver {
  readonly options: DriverOptions;
  readonly #operations = new Set<Operation>();
  #takenOver = 0;

  constructor(options: DriverOptions) {
    this.options = options;
  }

  start(order: StartOrder): void {
    const { copies, engine, facts, programs } = this.options;
    const { node, service, instanceId, tracked, uid, epoch, restartKey } = order;
    const copy = { service, node, instanceId, tracked, startedUnder: { uid, epoch }, restartKey };
    const present = copies.of(service).find((one) => one.node === node && isLoose(one));
    if (order.clearLocks) facts.clearStaleLock(service);
    facts.configure(service, node); // it was confirmed: from here on it is this node's
    if (present !== undefined) {
      copies.put({ ...copy, state: "running" });
      copies.remove(present.instanceId);
      this.#soon(instanceId, service, () => order.owner.enter(() => order.done({ kind: "ok" })));
      return;
    }
    engine.tell({ kind: "action", service, action: "start", phase: "begin", node });
    if (!facts.isMissing(service)) copies.put({ ...copy, state: "starting" });
    const usualMs = engine.plan.pace.operationMs;
    const program = programs.behaviourOf(restartKey, node);
    const takesMs = program?.start === "hangs" ? startMsMax : (program?.healthyAfterMs ?? 0);
    this.run({ instanceId, service }, usualMs + takesMs, () => this.#endStart(order));
  }

  stop(order: StopOrder): void {
    const { copies, engine } = this.options;
    const { node, service, instanceId, quiet, timeoutMs } = order;
    const copy = copies.get(instanceId);
    if (copy === undefined || copy.node !== node) {
      const answer = (): void => order.owner.enter(() => order.done({ kind: "ok" }));
      this.#soon(instanceId, service, answer);
      return;
    }
    if (!quiet) engine.tell({ kind: "action", service, action: "stop", phase: "begin", node });
    copies.put({ ...copy, state: "stopping" });
    const usualMs = engine.plan.pace.operationMs;
    const takesMs = timeoutMs === 0 ? killMsMax : (timeoutMs ?? usualMs);
    this.run({ instanceId, service }, Math.min(takesMs, usualMs), () => this.#endStop(order));
  }

  move(order: MoveOrder): void {
    moveCopy(this, order);
  }

  /** Ends a start that goes on; the start itself answers. */
  abortStart(instanceId: string): void {
    const { copies } = this.options;
    if (copies.get(instanceId)?.state !== "starting") return;
    copies.remove(instanceId);
    this.#finishEarly(instanceId);
  }

  /** Kills a copy from outside, as guards do. Whoever waits for it hears of it, or `onExit` says it. */
  kill(instanceId: string, detail: string): void {
    const { copies, onExit } = this.options;
    const copy = copies.get(instanceId);
    if (copy === undefined) return;
    copies.remove(instanceId);
    if (copy.state === "running" && !this.#isOperating(instanceId)) onExit(copy, detail);
    else this.#finishEarly(instanceId);
  }

  /** The workload ends by itself, where it runs. */
  exit(service: ServiceId): void {
    for (const copy of this.options.copies.of(service)) {
      if (copy.state === "running") this.kill(copy.instanceId, "it ended by itself");
    }
  }

  /** A node has lost power, and all that ran on it. */
  losePower(node: NodeId): void {
    for (const { instanceId } of this.options.copies.on(node)) {
      this.options.copies.remove(instanceId);
      for (const operation of this.#operations) {
        if (operation.instanceId === instanceId) this.#operations.delete(operation);
      }
    }
  }

  /** A person starts it by hand, or it ran before the world began. */
  placeByHand(service: ServiceId, node: NodeId): void {
    this.#takenOver += 1;
    this.options.copies.put({
      service,
      node,
      instanceId: `by-hand-${this.#takenOver}`,
      state: "running",
      tracked: false,
      startedUnder: undefined,
    });
  }

  /** Operations of the service that hung go on, if it no longer does. */
  wake(service: ServiceId): void {
    if (this.options.facts.hangs(service)) return;
    for (const operation of [...this.#operations]) {
      if (operation.service !== service || !operation.hanging) continue;
      operation.hanging = false;
      this.#end(operation);
    }
  }

  /** Runs the end of an operation after its time, or when it no longer hangs. */
  run(
    about: { readonly instanceId: string; readonly service: ServiceId },
    takesMs: number,
    finish: () => void,
  ): void {
    const { schedule } = this.options.engine;
    const operation: Operation = { ...about, finish, hanging: false };
    this.#operations.add(operation);
    schedule.at(schedule.nowMs + takesMs, () => {
      if (!this.#operations.has(operation)) return;
      if (this.options.facts.hangs(operation.service)) operation.hanging = true;
      else this.#end(operation);
    });
  }

  #end(operation: Operation): void {
    if (!this.#operations.delete(operation)) return;
    operation.finish?.();
  }

  #finishEarly(instanceId: string): void {
    const { schedule } = this.options.engine;
    for (const operation of this.#operations) {
      if (operation.instanceId !== instanceId || operation.hanging) continue;
      schedule.at(schedule.nowMs, () => this.#end(operation));
    }
  }

  #isOperating(instanceId: string): boolean {
    for (const operation of this.#operations) if (operation.instanceId === instanceId) return true;
    return false;
  }

  #soon(instanceId: string, service: ServiceId, finish: () => void): void {
    this.run({ instanceId, service }, 0, finish);
  }

  #endStart(order: StartOrder): void {
    const { copies, engine, facts, onExit, programs } = this.options;
    const { node, service, instanceId, restartKey } = order;
    const copy = copies.get(instanceId);
    const program = programs.behaviourOf(restartKey, node);
    const isDead = copy === undefined && !facts.isMissing(service);
    const isBad = program !== undefined && program.start !== "ok";
    const badly = isBad ? "its health check never passes" : facts.whyNotStart(service, node);
    const why = isDead ? "it was killed while it was starting" : badly;
    const action = { kind: "action", service, action: "start", node } as const;
    if (copy === undefined || why !== undefined) {
      const detail = why ?? "it was killed while it was starting";
      engine.tell({ ...action, phase: "fail", detail });
      copies.remove(instanceId);
      if (order.owner.isAlive) order.owner.enter(() => order.done({ kind: "failed", detail }));
      else if (copy !== undefined) onExit(copy, detail);
      return;
    }
    const badAfterMs = program?.unhealthyAfterMs;
    const unhealthyAtMs = badAfterMs === undefined ? undefined : engine.schedule.nowMs + badAfterMs;
    copies.put({ ...copy, state: "running", unhealthyAtMs });
    this.#settle(copy);
    engine.tell({ ...action, phase: "ok" });
    order.owner.enter(() => order.done({ kind: "ok" }));
  }

  /** It runs here now: what was moved elsewhere and never let go on is of no use any more. */
  #settle({ service }: Copy): void {
    const { copies } = this.options;
    for (const other of copies.of(service)) {
      if (other.state === "parked") copies.remove(other.instanceId);
    }
  }

  #endStop(order: StopOrder): void {
    const { copies, engine, facts, onExit } = this.options;
    const { node, service, instanceId, owner, quiet } = order;
    const copy = copies.get(instanceId);
    const why = copy === undefined ? undefined : facts.whyNotStop(service);
    const action = { kind: "action", service, action: "stop", node } as const;
    if (copy !== undefined && why !== undefined) {
      copies.put({ ...copy, state: "running" });
      if (!quiet) engine.tell({ ...action, phase: "fail", detail: why });
      owner.enter(() => order.done({ kind: "failed", detail: why }));
      return;
    }
    copies.remove(instanceId);
    if (!quiet) engine.tell({ ...action, phase: "ok" });
    if (owner.isAlive) owner.enter(() => order.done({ kind: "ok" }));
    else if (copy !== undefined) onExit(copy, "it was stopped by an agent that is gone");
  }
}

/** Nobody's copy: a start there goes on with it. */
function isLoose(copy: Copy): boolean {
  return copy.state === "parked" || (copy.startedUnder === undefined && copy.state === "running");
}
