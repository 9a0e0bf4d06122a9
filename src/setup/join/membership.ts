/** Single steps of a member's way into etcd's cluster, each repeated while the cluster does not allow it yet. */
import { err, ok, type Result } from "../../core/result.ts";
import type { MemberAdmin, MemberError } from "../../ports/members.ts";
import { pause } from "../../runtime/manager-pulse.ts";
import type { EngineOptions } from "../engine/open-engine.ts";

/** Between two attempts; etcd wants all voters connected for five seconds. */
const againMs = 500;
/** A learner that has not caught up after so long never will. */
const stepMsMax = 300_000;

/** What the cluster does not allow at this moment it allows a moment later; in words for the log. */
const passing: ReadonlyMap<MemberError["kind"], string> = new Map([
  ["too-many-learners", "another server is a learner"],
  ["not-in-sync", "it has not caught up"],
  [
    "unhealthy-cluster",
    "not all servers have been connected for some seconds; one that is lost for good has to go first: holdfast server remove",
  ],
  ["not-enough-started", "a member that was added has not started yet"],
  ["unavailable", "the store does not answer"],
  ["unknown-outcome", "it is not known whether it was done"],
]);

/** Repeats a step until it is done, for `msMax` at most. The error says what stood against it to the end. */
export async function repeat<T>(
  { clock, log, signal }: Pick<EngineOptions, "clock" | "log" | "signal">,
  step: () => Promise<Result<T, MemberError>>,
  msMax: number = stepMsMax,
): Promise<Result<T, string>> {
  const untilMs = clock.monotonicMs() + msMax;
  let said = "";
  while (!signal.aborted) {
    const done = await step();
    if (done.ok) return done;
    const { kind, message } = done.error;
    const words = passing.get(kind);
    if (words === undefined) return err(message);
    if (clock.monotonicMs() > untilMs) return err(`${words} (${message})`);
    if (kind !== said) log.write("info", `not yet: ${words}`, { message });
    said = kind;
    await pause(clock, againMs, signal);
  }
  return err("it was told to end");
}

/** Of an attempt whose outcome was not known the member may be there already. */
export async function addOrFind(
  admin: MemberAdmin,
  peerUrl: string,
): Promise<Result<string, MemberError>> {
  const added = await admin.memberAddAsLearner(peerUrl);
  if (added.ok) return ok(added.value.id);
  if (added.error.kind !== "already-member") return added;
  const members = await admin.memberList();
  if (!members.ok) return members;
  const found = members.value.find(({ peerUrls }) => peerUrls.includes(peerUrl));
  return found === undefined ? added : ok(found.id);
}

/** Gives it its vote; one that has it is no error. */
export async function promote(admin: MemberAdmin, id: string): Promise<Result<void, MemberError>> {
  const promoted = await admin.promote(id);
  return !promoted.ok && promoted.error.kind === "not-a-learner" ? ok(undefined) : promoted;
}

/** Takes out whatever this server has in the store's cluster; nothing is no error. */
export async function removeOwn(
  admin: MemberAdmin,
  peerUrl: string,
): Promise<Result<void, MemberError>> {
  const members = await admin.memberList();
  if (!members.ok) return members;
  for (const member of members.value.filter(({ peerUrls }) => peerUrls.includes(peerUrl))) {
    const removed = await admin.remove(member.id);
    if (!removed.ok && removed.error.kind !== "not-found") return removed;
  }
  return ok(undefined);
}
