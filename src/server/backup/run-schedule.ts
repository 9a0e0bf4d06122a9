/**
 * Carries the schedule of backups out, on the server that is manager. Which periods are done is in the store, written on
 * the condition of the election: a manager that takes over makes what is missing, and nothing twice.
 */
import { readFile } from "node:fs/promises";
import { backupName, removeOldScheduled, type WrittenFile } from "../../backup/backup-files.ts";
import { readShape } from "../../backup/store-shape.ts";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Store } from "../../ports/store.ts";
import type { Term } from "../../runtime/election.ts";
import { createPulse, pause } from "../../runtime/manager-pulse.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { BackupRunRecord, BackupScheduleRecord } from "../../wire/backup/schedule.ts";
import { keys } from "../../wire/records.ts";
import type { ClusterView } from "../view/cluster-view.ts";
import { type BackupSource, backupFolderOf, makeBackupFile } from "./make-backup.ts";
import { duePeriod, type Period, readSchedule, type StoredSchedule } from "./schedule.ts";

export interface ScheduleOptions {
  readonly source: BackupSource;
  readonly store: Store;
  readonly view: Pick<ClusterView, "listen">;
  readonly clock: Clock;
  readonly log: Log;
  readonly dataDirectory: string;
  readonly term: Term;
}

/** After a failure. */
const againMsMin = 5_000;
const againMsMax = 600_000;
const timerMsMax = 3_600_000;
/** A migration of the store takes minutes; that one hangs, people have to see. */
const patienceMs = 600_000;
const lookAgainMs = 10_000;
/** What may make something due, or end what is waited for. */
const wakingKeys = [keys.backupSchedule, keys.schema, keys.systemUpgrade];

/** Works until the term is over. Rejects only for a bug. */
export async function runSchedule(options: ScheduleOptions): Promise<void> {
  const { view, clock, log, term } = options;
  const { signal } = term;
  const changed = createPulse();
  let isStale = false;
  const wake = (): void => {
    isStale = true;
    changed.ring();
  };
  const deaf = view.listen({
    changed: ({ changedKeys }) => {
      if (wakingKeys.some((key) => changedKeys.includes(key))) wake();
    },
    reset: wake,
  });
  const patience = createPatience(options);
  let failureCount = 0;
  try {
    while (!signal.aborted) {
      isStale = false;
      const turn = await takeTurn(options, patience);
      if (signal.aborted) return;
      if (!turn.ok) log.write("warn", `the scheduled backup cannot be made: ${turn.error}`);
      failureCount = turn.ok ? 0 : failureCount + 1;
      const waitMs = turn.ok ? turn.value : againMsOf(failureCount);
      if (waitMs === 0 || isStale) continue;
      await untilWoken(clock, changed, { waitMs, signal });
    }
  } finally {
    deaf();
  }
}

function againMsOf(failureCount: number): number {
  return Math.min(againMsMax, againMsMin * 2 ** Math.min(failureCount - 1, 10));
}

async function untilWoken(
  clock: Clock,
  changed: ReturnType<typeof createPulse>,
  { waitMs, signal }: { readonly waitMs: number | undefined; readonly signal: AbortSignal },
): Promise<void> {
  const enough = new AbortController();
  const over = AbortSignal.any([signal, enough.signal]);
  const waits = [changed.next(over)];
  if (waitMs !== undefined) waits.push(pause(clock, Math.min(waitMs, timerMsMax), over));
  await Promise.race(waits);
  enough.abort();
}

/** Whether a backup that cannot be made for this reason is only late so far; undefined: there is no such reason. */
type Patience = (because: string | undefined) => boolean;

function createPatience({ clock, log }: ScheduleOptions): Patience {
  let sinceMs: number | undefined;
  return (because) => {
    if (because === undefined) sinceMs = undefined;
    if (because === undefined) return false;
    if (sinceMs === undefined) log.write("info", `the scheduled backup waits: ${because}`);
    sinceMs ??= clock.monotonicMs();
    return clock.monotonicMs() - sinceMs < patienceMs;
  };
}

/** Makes what is due. The answer is how long nothing is, in ms; undefined: until the schedule changes. */
async function takeTurn(
  options: ScheduleOptions,
  isOnlyLate: Patience,
): Promise<Result<number | undefined, string>> {
  const { store, clock } = options;
  const stored = await readSchedule(store);
  if (!stored.ok) return stored;
  const { schedule, run } = stored.value;
  if (schedule === undefined) return ok(undefined);
  const due = duePeriod(schedule, run, clock.wallMs());
  if (due.kind === "wait") return ok(Math.max(1, due.atMs - clock.wallMs()));
  const shape = await readShape(store);
  if (!shape.ok) return shape;
  if (isOnlyLate(shape.value.flaw)) return ok(lookAgainMs);
  const made = await makePeriod(options, schedule, due.period);
  const noted = await note(options, stored.value, { schedule, period: due.period, made });
  if (!noted.ok) return noted;
  return made.ok ? ok(0) : made;
}

async function makePeriod(
  options: ScheduleOptions,
  schedule: BackupScheduleRecord,
  { atMs }: Period,
): Promise<Result<WrittenFile, string>> {
  const { source, dataDirectory, term, log } = options;
  const directory = schedule.directory ?? backupFolderOf(dataDirectory);
  const passphrase = await passphraseOf(schedule);
  if (!passphrase.ok) return passphrase;
  const made = await makeBackupFile(source, {
    directory,
    name: backupName("scheduled", atMs),
    origin: "schedule",
    passphrase: passphrase.value,
    signal: term.signal,
  });
  if (!made.ok) return made;
  const secrets = await source.secrets();
  if (!secrets.ok) return secrets;
  const { keep } = schedule;
  const removed = await removeOldScheduled(directory, { keep, cluster: secrets.value.cluster });
  const more = removed.ok ? `removed ${removed.value.length} old ones` : removed.error;
  log.write(removed.ok ? "info" : "warn", `made the backup ${made.value.path}; ${more}`);
  return made;
}

async function passphraseOf({
  passphraseFile: path,
}: BackupScheduleRecord): Promise<Result<string | undefined, string>> {
  if (path === undefined) return ok(undefined);
  try {
    const text = (await readFile(path, "utf8")).replace(/\r?\n$/, "");
    return text === "" ? err(`the passphrase file ${path} is empty`) : ok(text);
  } catch (error: unknown) {
    return err(`cannot read the passphrase file ${path}: ${sentenceOfSystemError(error)}`);
  }
}

interface Turn {
  readonly schedule: BackupScheduleRecord;
  readonly period: Period;
  readonly made: Result<WrittenFile, string>;
}

/** What came of it, for everybody; a manager that is none any more, or whose schedule has changed, writes nothing. */
async function note(
  { store, source, clock, term }: ScheduleOptions,
  { run, scheduleRevision = 0, runRevision }: StoredSchedule,
  { schedule, period, made }: Turn,
): Promise<Result<void, string>> {
  const { sinceMs } = schedule;
  const done = run?.sinceMs === sinceMs ? run.donePeriod : -1;
  const place = { atMs: clock.wallMs(), server: source.serverId };
  const record: BackupRunRecord = {
    version: 1,
    sinceMs,
    donePeriod: made.ok ? period.number : done,
    made: made.ok ? { ...place, ...made.value } : run?.made,
    failed: made.ok ? undefined : { ...place, because: made.error },
  };
  const key = keys.backupRun;
  const written = await store.txn({
    compare: [
      { kind: "created-at", key: keys.manager, revision: term.createRevision },
      { kind: "modified-at", key: keys.backupSchedule, revision: scheduleRevision },
      runRevision === undefined
        ? { kind: "absent", key }
        : { kind: "modified-at", key, revision: runRevision },
    ],
    then: [{ kind: "put", key, value: jsonOf(record) }],
  });
  return written.ok ? ok(undefined) : err(written.error.message);
}
