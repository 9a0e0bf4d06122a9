/** How instances and rollouts are shown to a person. */
import type {
  InstanceCounts,
  InstanceResource,
  RolloutResource,
} from "../../../../wire/fleet/resources.ts";
import { formatSpan } from "../../../format/quantity.ts";
import type { Cell } from "../../../format/table.ts";
import type { Session } from "../../../session.ts";

/** How many instances are how, e.g. `3 healthy, 1 offline`. */
export function countsText(counts: InstanceCounts): string {
  const words = (["healthy", "changing", "failed", "offline"] as const)
    .filter((word) => counts[word] > 0)
    .map((word) => `${counts[word]} ${word}`);
  return words.join(", ") || "none";
}

/** The instances of a deployment as a table. */
export function instancesTable(session: Session, instances: readonly InstanceResource[]): string {
  if (instances.length === 0) return "no instances; see which nodes fit with: holdfast check\n";
  const isGrouped = instances.some(({ haGroup }) => haGroup !== undefined);
  const rows = instances.map((instance) => [
    instance.node,
    ...(isGrouped ? [groupText(instance)] : []),
    versionText(instance),
    phaseCell(session, instance),
    session.colours.health(healthWord(instance)),
    instance.because ?? "-",
  ]);
  const group = isGrouped ? ["HA GROUP"] : [];
  return session.table(["NODE", ...group, "VERSION", "PHASE", "HEALTH", "WHY"], rows);
}

function groupText({ haGroup, holdsSlot }: InstanceResource): string {
  if (haGroup === undefined) return "-";
  return holdsSlot ? `${haGroup} (has its turn)` : haGroup;
}

/** What it runs, and on the way to what it is. */
export function versionText({ version, upgrade }: InstanceResource): string {
  if (upgrade === undefined) return version;
  if (upgrade.goesBack) return `back to ${upgrade.to}`;
  return upgrade.from === upgrade.to
    ? `${upgrade.to} with other inputs`
    : `${upgrade.from} -> ${upgrade.to}`;
}

function phaseCell({ colours }: Session, { phase, isOnline }: InstanceResource): Cell {
  const style = ({ running: "green", failed: "red" } as const)[phase as "running" | "failed"];
  if (!isOnline) return { text: `${phase}, offline`, paint: (text) => colours.paint("cyan", text) };
  return { text: phase, paint: (text) => colours.paint(style ?? "yellow", text) };
}

/** Healthy means more than its agent's last word: of this lease, and of what it is to run now. */
function healthWord({ isHealthy, health }: InstanceResource): string {
  if (isHealthy) return "healthy";
  return health === "healthy" || health === "none" ? "unknown" : health;
}

/** A rollout in one line. */
export function rolloutText(session: Session, rollout: RolloutResource): string {
  const { number, version, state, because, startedAtMs, endedAtMs } = rollout;
  const spanMs = (endedAtMs ?? session.io.nowMs()) - startedAtMs;
  const why = because === "" ? "" : `: ${because}`;
  const time = `${endedAtMs === undefined ? "for" : "after"} ${formatSpan(spanMs)}`;
  return `rollout ${number} to version ${version} ${stateWords[state]} ${time}, ${progressText(rollout)}${why}`;
}

/** What a rollout is, e.g. `is rolling back`. */
export const stateWords: Readonly<Record<RolloutResource["state"], string>> = {
  running: "is running",
  paused: "is paused",
  "rolling-back": "is rolling back",
  succeeded: "has succeeded",
  "rolled-back": "was rolled back",
  failed: "has failed",
  superseded: "was superseded",
};

/** How far a rollout is, e.g. `4 of 9 done, 1 failed`. */
export function progressText({ state, total, done, failed, offline }: RolloutResource): string {
  const doneText =
    state === "rolled-back"
      ? `all ${total} are as they were`
      : state === "rolling-back"
        ? `${done} of ${total} still to go back`
        : `${done} of ${total} done`;
  const parts = [
    total === 0 ? "nothing left to change" : doneText,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(offline > 0 ? [`${offline} wait for their nodes`] : []),
  ];
  return parts.join(", ");
}
