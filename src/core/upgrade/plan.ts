/** Which steps an upgrade has. */
import type { ControlPlaneUpgrade, StepKind, UpgradeStep } from "./model.ts";

const kindsOf: Readonly<Record<ControlPlaneUpgrade["strategy"], readonly StepKind[]>> = {
  rolling: ["check", "backup", "prepare", "switch", "migrate", "agents"],
  "stop-all": [
    "check",
    "freeze",
    "settle",
    "backup",
    "prepare",
    "announce",
    "switch",
    "migrate",
    "release",
    "agents",
  ],
};

/** What a new upgrade is made of. */
export type UpgradeOrder = Pick<
  ControlPlaneUpgrade,
  "id" | "by" | "strategy" | "from" | "to" | "schema" | "pauseAfter" | "startedAtMs"
>;

/** A new upgrade of these servers, by their ids. */
export function newUpgrade(order: UpgradeOrder, servers: readonly string[]): ControlPlaneUpgrade {
  const isMigrating = order.schema.from !== order.schema.to;
  const kinds = kindsOf[order.strategy].filter((kind) => kind !== "migrate" || isMigrating);
  const steps = kinds.flatMap((kind) =>
    kind === "switch" ? servers.map((server) => stepOf(kind, server)) : [stepOf(kind, undefined)],
  );
  const open = { state: "running", detail: "", attempt: 1 } as const;
  return { ...order, ...open, steps, backup: undefined, endedAtMs: undefined };
}

function stepOf(kind: StepKind, server: string | undefined): UpgradeStep {
  const name = server === undefined ? kind : `${kind} ${server}`;
  const times = { beganAtMs: undefined, endedAtMs: undefined };
  return { name, kind, server, state: "waiting", detail: "", ...times };
}

/**
 * The step that is next or under way; undefined: all are done. Of the servers the manager's own is the last one: it hands
 * its office to one that is of the new version already.
 */
export function currentStep(
  { steps }: ControlPlaneUpgrade,
  isManager: (server: string) => boolean,
): UpgradeStep | undefined {
  const running = steps.find(({ state }) => state === "running");
  if (running !== undefined) return running;
  const first = steps.find(({ state }) => state !== "done");
  if (first?.kind !== "switch") return first;
  const others = steps.filter(({ kind, state }) => kind === "switch" && state !== "done");
  return others.find(({ server = "" }) => !isManager(server)) ?? first;
}

/**
 * The step that is to be taken back next; undefined: nothing is left of the upgrade. A server that is away comes first, for
 * no other may leave meanwhile, the manager's own last. Where all servers wait for the schema, the version of before is
 * back on each before the store is: it alone can say that it can read all of it.
 */
export function currentUndo(
  { steps, strategy }: ControlPlaneUpgrade,
  { isManager, isAlive }: Record<"isManager" | "isAlive", (server: string) => boolean>,
): UpgradeStep | undefined {
  const undoing = steps.find(({ state }) => state === "undoing");
  if (undoing !== undefined) return undoing;
  const begun = steps.filter(({ state }) => state === "running" || state === "done");
  const switched = begun.filter(({ kind }) => kind === "switch");
  const last = begun.at(-1);
  const isAfterAll = strategy === "stop-all" && last?.kind === "migrate" && switched.length > 0;
  if (last?.kind !== "switch" && !isAfterAll) return last;
  const isAway = ({ server = "" }: UpgradeStep): boolean => !isAlive(server);
  return (
    switched.find(isAway) ??
    switched.find(({ server = "" }) => !isManager(server)) ??
    switched.at(-1)
  );
}
