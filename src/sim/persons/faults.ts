/** Carries out what is done to machines, network, store and workloads. */
import { assertNever } from "../../core/assert.ts";
import type { NodeId } from "../../core/ids.ts";
import { modeOfLeaving } from "../../core/model/node.ts";
import { keys } from "../../wire/records.ts";
import { settingsSchema } from "../../wire/settings.ts";
import type { Engine } from "../engine/engine.ts";
import type { Machine } from "../node/machine.ts";
import type { Action } from "../plan.ts";
import { readNode, readSettings } from "../store/records.ts";
import type { StoreFaults } from "../store/store-faults.ts";
import type { Driver } from "../workloads/driver.ts";
import type { ApiAction } from "./api.ts";
import type { ManagerCrash } from "./manager-crash.ts";
import type { Rounds } from "./rounds.ts";

/** An action that changes more than what is stored. */
export type FaultAction = Exclude<Action, ApiAction>;

export interface FaultOptions {
  readonly engine: Engine;
  readonly driver: Driver;
  readonly faults: StoreFaults;
  readonly rounds: Rounds;
  readonly managerCrash: ManagerCrash;
  readonly machineOf: (node: NodeId) => Machine;
  /** Who can reach whom, or the store, has changed. */
  readonly onTopology: () => void;
}

/** Carries out one action. */
export function actOnWorld(options: FaultOptions, action: FaultAction): void {
  const { engine, driver, machineOf, onTopology } = options;
  const { network, plan } = engine;
  switch (action.kind) {
    case "power":
      if (action.on) machineOf(action.node).powerOn(plan.pace.bootMs);
      else machineOf(action.node).powerOff();
      return;
    case "network":
      network.setConnected(action.node, action.on);
      return;
    case "cut":
      network.setCut(action.from, action.to, action.on);
      return;
    case "link":
      network.setLink(action.node, action);
      return;
    case "pause":
      machineOf(action.node).pause(action.part, action.on);
      onTopology();
      return;
    case "crash":
      machineOf(action.node).crash(action.part, action.restartAfterMs);
      onTopology();
      return;
    case "crash-manager":
      options.managerCrash.plan(action);
      return;
    case "clock":
      machineOf(action.node).clock.setError(action.ppm);
      return;
    case "store":
      options.faults.set(action.mode, action.server);
      onTopology();
      return;
    case "driver":
      driver.options.facts.setMisbehaviour(action.service, action.misbehaviour);
      driver.options.facts.setHangs(action.service, action.hangs);
      driver.wake(action.service);
      return;
    case "workload-exit":
      driver.exit(action.service);
      return;
    case "reboot":
      leave(options, action.node, "reboot");
      return;
    case "shutdown":
      leave(options, action.node, "power-off");
      return;
    case "restart-agent":
      leave(options, action.node, "agent-restart");
      return;
    case "stop-server":
      machineOf(action.node).stopServer();
      onTopology();
      return;
    case "skip-rounds":
      options.rounds.skip(action);
      return;
    case "lock":
      driver.options.facts.setLock(action.service, action.name);
      return;
    default:
      assertNever(action);
  }
}

/** How an agent leaves for each mode that leaving can mean. */
const howOfMode = {
  active: "restart",
  restart: "freeze",
  shutdown: "failover",
  maintenance: "migrate",
} as const;

/** The agent goes by the cluster's policy, as a server would tell it. */
function leave(
  { engine, machineOf }: FaultOptions,
  node: NodeId,
  kind: "agent-restart" | "reboot" | "power-off",
): void {
  const { store } = engine;
  const settingsEntry = store.get(keys.settings);
  const settings =
    settingsEntry === undefined ? settingsSchema.parse({}) : readSettings(settingsEntry).settings;
  const nodeEntry = store.get(`${keys.nodes}${node}`);
  const record = nodeEntry === undefined ? undefined : readNode(nodeEntry);
  const inMaintenance = record?.maintenance === true || record?.mode === "offline";
  const mode = modeOfLeaving(kind, { policy: settings.shutdownPolicy, inMaintenance });
  machineOf(node).leave(kind, kind === "agent-restart" ? "restart" : howOfMode[mode]);
}
