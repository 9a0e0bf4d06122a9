/** Which steps an upgrade has. */
import type { ServerFact } from "./facts.ts";
import type { ControlPlaneUpgrade, StepKind, UpgradeStep } from "./model.ts";

const kindsOf: Readonly<Record<ControlPlaneUpgrade["strategy"], readonly StepKind[]>> = {
  rolling: ["check", "prepare", "backup", "switch", "migrate", "agents"],
  // What takes long and stops nobody comes before the freeze; nothing lies between the last look and the first stop.
  "stop-all": [
    "check",
    "prepare",
    "freeze",
    "settle",
    "backup",
    "announce",
    "switch",
    "migrate",
    "release",
    "agents",
  ],
};
/** While the only server becomes another version nobody answers the agents: they are told of it. */
const kindsAlone: readonly StepKind[] = [
  ...(["check", "prepare", "backup", "announce", "switch"] as const),
  ...(["migrate", "release", "agents"] as const),
];

/** What a new upgrade is made of. */
export type UpgradeOrder = Pick<
  ControlPlaneUpgrade,
  "id" | "by" | "strategy" | "from" | "to" | "schema" | "pauseAfter" | "startedAtMs"
>;

/** A new upgrade of these servers, by their ids; `isAlone`: the control plane has no other one. */
export function newUpgrade(
  order: UpgradeOrder,
  servers: readonly string[],
  { isAlone = servers.length === 1 }: { readonly isAlone?: boolean } = {},
): ControlPlaneUpgrade {
  const isMigrating = order.schema.from !== order.schema.to;
  const all = isAlone && order.strategy === "rolling" ? kindsAlone : kindsOf[order.strategy];
  const kinds = all.filter((kind) => kind !== "migrate" || isMigrating);
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
 * With a step for each server that has come in since the upgrade began, and is not of the new version: none is left behind.
 * The same object where nobody has.
 */
export function withNewcomers(
  upgrade: ControlPlaneUpgrade,
  servers: readonly Pick<ServerFact, "id" | "version">[],
): ControlPlaneUpgrade {
  const { steps, to } = upgrade;
  const last = steps.findLastIndex(({ kind }) => kind === "switch");
  const isPast = steps.some(
    ({ kind, state }) => (kind === "migrate" || kind === "agents") && state !== "waiting",
  );
  if (isPast || last < 0) return upgrade;
  const known = new Set(steps.map(({ server }) => server));
  const added = servers
    .filter(({ id, version }) => version !== to.version && !known.has(id))
    .map(({ id }) => stepOf("switch", id));
  return added.length === 0
    ? upgrade
    : { ...upgrade, steps: steps.toSpliced(last + 1, 0, ...added) };
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

interface UndoFacts {
  readonly isManager: (server: string) => boolean;
  readonly isAlive: (server: string) => boolean;
  /** No server serves. */
  readonly isDark: boolean;
  readonly nowMs: number;
}

/** A server that goes back is back within. */
const backMsMax = 30_000;

/**
 * The step that is to be taken back next; undefined: nothing is left of the upgrade. A server that was told to leave, and may
 * do so at any moment, comes first, then one that is away, for no other may leave meanwhile; the manager's own last. Where all servers wait for the schema, the version of before is
 * back on each before the store is: it alone can say that it can read all of it.
 */
export function currentUndo(
  { steps, strategy }: ControlPlaneUpgrade,
  { isManager, isAlive, isDark, nowMs }: UndoFacts,
): UpgradeStep | undefined {
  const isAway = ({ server = "" }: UpgradeStep): boolean => !isAlive(server);
  const undoing = steps.filter(({ state }) => state === "undoing");
  // Where nobody serves, nobody waits for one that was lost.
  const isLost = (step: UpgradeStep): boolean =>
    isDark && isAway(step) && nowMs - (step.beganAtMs ?? nowMs) > backMsMax;
  const next = undoing.find((step) => step.kind !== "switch" || !isLost(step));
  if (next !== undefined) return next;
  const begun = steps.filter(({ state }) => state === "running" || state === "done");
  const switched = begun.filter(({ kind }) => kind === "switch");
  const last = begun.at(-1);
  const isAfterAll = strategy === "stop-all" && last?.kind === "migrate" && switched.length > 0;
  if (last?.kind !== "switch" && !isAfterAll) return last;
  const there = isDark ? switched.filter((step) => !isAway(step)) : switched;
  return (
    there.find(({ state }) => state === "running") ??
    there.find(isAway) ??
    there.find(({ server = "" }) => !isManager(server)) ??
    there.at(-1) ??
    undoing[0] ??
    switched.at(-1)
  );
}
