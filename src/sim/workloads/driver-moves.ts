/** Moves of services between nodes: while they run, or stopped and handed over. */
import type { ServiceId } from "../../core/ids.ts";
import type { Copy } from "../node/copies.ts";
import type { DriverOptions } from "./driver-options.ts";
import type { MoveOrder, MoveOutcome, StopOrder } from "./orders.ts";

/** What a move needs of the driver that it is part of. */
export interface MovingDriver {
  readonly options: DriverOptions;
  stop(order: StopOrder): void;
  run(
    about: { readonly instanceId: string; readonly service: ServiceId },
    takesMs: number,
    finish: () => void,
  ): void;
}

type Failure = Extract<MoveOutcome, { readonly kind: "failed" }>;

/** Begins a move. What stands against it is found out before anything is touched. */
export function moveCopy(driver: MovingDriver, order: MoveOrder): void {
  const { engine, facts } = driver.options;
  const { node, service, target, live } = order;
  const failure = whyNot(driver, order);
  if (failure !== undefined) {
    tellFailure(driver, order, failure);
    driver.run({ instanceId: order.instanceId ?? "", service }, 0, () => answer(order, failure));
    return;
  }
  facts.noteMoved(service);
  const action = live ? "migrate" : "relocate";
  engine.tell({ kind: "action", service, action, phase: "begin", node, target });
  if (live || order.instanceId === undefined) handOver(driver, order);
  else stopFirst(driver, order, order.instanceId);
}

function whyNot(driver: MovingDriver, order: MoveOrder): Failure | undefined {
  const { facts, engine } = driver.options;
  const { node, service, target } = order;
  const configured = facts.configuredOn(service);
  if (configured !== undefined && configured !== node) {
    return failed(driver, order, `it is configured on ${configured}`, "wrong-node");
  }
  const why = facts.whyNotMove(service, node);
  if (why !== undefined) return failed(driver, order, why);
  if (engine.network.canTalk(node, target)) return undefined;
  return failed(driver, order, `node ${target} cannot be reached`);
}

function failed(
  driver: MovingDriver,
  order: MoveOrder,
  detail: string,
  result: Failure["result"] = "failed",
): Failure {
  const isThere = copyOf(driver, order) !== undefined;
  return { kind: "failed", result, detail, remains: isThere ? "running" : "nothing" };
}

function copyOf(driver: MovingDriver, order: MoveOrder): Copy | undefined {
  if (order.instanceId === undefined) return undefined;
  return driver.options.copies.get(order.instanceId);
}

/** The driver of a cold move stops the copy itself, and hands over what is left. */
function stopFirst(driver: MovingDriver, order: MoveOrder, instanceId: string): void {
  const { node, service, owner } = order;
  const done = (outcome: { readonly kind: "ok" | "failed"; readonly detail?: string }): void => {
    if (outcome.kind === "ok") handOver(driver, order);
    else end(driver, order, failed(driver, order, outcome.detail ?? "it does not stop"));
  };
  driver.stop({ owner, node, service, instanceId, timeoutMs: undefined, quiet: false, done });
}

function handOver(driver: MovingDriver, order: MoveOrder): void {
  const { engine } = driver.options;
  const about = { instanceId: order.instanceId ?? "", service: order.service };
  driver.run(about, engine.plan.pace.operationMs, () => endHandOver(driver, order));
}

function endHandOver(driver: MovingDriver, order: MoveOrder): void {
  const { copies, engine, facts } = driver.options;
  const { node, service, target, live, owner, instanceId } = order;
  if (!owner.isAlive) return; // it dies with the agent that carried it out, and nothing has moved
  const copy = copyOf(driver, order);
  if (live && instanceId !== undefined && copy === undefined) {
    end(driver, order, failed(driver, order, "it ended while it was being moved"));
    return;
  }
  if (!engine.network.canTalk(node, target)) {
    end(driver, order, failed(driver, order, `node ${target} was lost`));
    return;
  }
  if (live && copy !== undefined) {
    copies.remove(copy.instanceId);
    copies.put({ ...copy, node: target, instanceId: `${copy.instanceId}>`, state: "parked" });
  }
  facts.configure(service, target);
  end(driver, order, { kind: "ok" });
}

function end(driver: MovingDriver, order: MoveOrder, outcome: MoveOutcome): void {
  const { engine } = driver.options;
  const { node, service, target, live } = order;
  if (outcome.kind === "ok") {
    const action = live ? "migrate" : "relocate";
    engine.tell({ kind: "action", service, action, phase: "ok", node, target });
  } else {
    tellFailure(driver, order, outcome);
  }
  answer(order, outcome);
}

/** An order for a service that is configured elsewhere is refused; nothing was tried. */
function tellFailure(driver: MovingDriver, { node, service }: MoveOrder, failure: Failure): void {
  const { engine } = driver.options;
  const { detail } = failure;
  if (failure.result === "wrong-node") {
    engine.tell({ kind: "note", about: `${service} on ${node}`, sentence: detail });
  } else {
    engine.tell({ kind: "action", service, action: "move", phase: "fail", node, detail });
  }
}

function answer(order: MoveOrder, outcome: MoveOutcome): void {
  order.owner.enter(() => order.done(outcome));
}
