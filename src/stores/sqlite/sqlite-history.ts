/**
 * The revision counter and the log of changes in the embedded store's file. The newest revisions are kept in
 * memory too, for the watches that keep up; older ones are read from the file.
 */
import { assert } from "../../core/assert.ts";
import type { StoreChange, StoreRevision, WatchBatch } from "../../ports/store.ts";
import { replayRevisionsMax } from "../shared/limits.ts";
import { RevisionWindow } from "../shared/revision-window.ts";
import {
  type HistoryPiece,
  type HistoryRequest,
  keyOfChange,
  type RevisionRecord,
  type StagedChange,
} from "../shared/store-backend.ts";
import { changeFromRow, deletedMark, numberIn, textIn } from "./rows.ts";
import type { Statements } from "./statements.ts";

export interface SqliteHistoryOptions {
  readonly historyRevisionsMax: number;
  readonly historyBytesMax: number;
}

interface State {
  readonly revision: StoreRevision;
  /** The last revision that is no longer kept. */
  readonly compactedRevision: StoreRevision;
  /** Bytes of keys and values in the log. */
  readonly sizeBytes: number;
}

const windowRevisionsMax = 256;
const windowBytesMax = 4 * 1_048_576;

export class SqliteHistory {
  readonly #sql: Statements;
  readonly #options: SqliteHistoryOptions;
  readonly #window: RevisionWindow;
  #staged: RevisionRecord[] = [];
  #committedState: State;
  #state: State;

  constructor(sql: Statements, options: SqliteHistoryOptions) {
    this.#sql = sql;
    this.#options = options;
    const row = sql.meta.get();
    this.#state = {
      revision: numberIn(row, "revision"),
      compactedRevision: numberIn(row, "compacted_revision"),
      sizeBytes: numberIn(row, "history_bytes"),
    };
    this.#committedState = this.#state;
    this.#window = new RevisionWindow({
      afterRevision: this.#state.revision,
      revisionsMax: Math.min(windowRevisionsMax, options.historyRevisionsMax),
      bytesMax: windowBytesMax,
    });
  }

  get revision(): StoreRevision {
    return this.#state.revision;
  }

  /** Adds the next revision, inside a transaction. */
  append(record: RevisionRecord): void {
    assert(record.revision === this.#state.revision + 1, "revisions follow each other");
    record.changes.forEach((staged, position) => {
      this.#addChange(record.revision, position, staged);
    });
    this.#staged.push(record);
    this.#state = {
      revision: record.revision,
      compactedRevision: this.#state.compactedRevision,
      sizeBytes: this.#state.sizeBytes + record.sizeBytes,
    };
    this.#trim();
    this.#sql.setMeta.run(this.#state.revision, this.#state.compactedRevision);
  }

  /** What was appended is durable. */
  committed(): void {
    for (const record of this.#staged) this.#window.push(record);
    this.#staged = [];
    this.#committedState = this.#state;
  }

  /** What was appended was rolled back. */
  undone(): void {
    this.#staged = [];
    this.#state = this.#committedState;
  }

  read(request: HistoryRequest): HistoryPiece | "compacted" {
    const piece = this.#window.read(request);
    return piece === "compacted" ? this.#readFile(request) : piece;
  }

  #readFile(request: HistoryRequest): HistoryPiece | "compacted" {
    const { prefix, afterRevision } = request;
    if (afterRevision < this.#state.compactedRevision) return "compacted";
    const throughRevision = Math.min(afterRevision + replayRevisionsMax, this.#state.revision);
    const changes = new Map<StoreRevision, StoreChange[]>();
    for (const row of this.#sql.changes.iterate(afterRevision, throughRevision)) {
      if (!textIn(row, "key").startsWith(prefix)) continue;
      const revision = numberIn(row, "revision");
      const batch = changes.get(revision) ?? [];
      batch.push(changeFromRow(row));
      changes.set(revision, batch);
    }
    const batches: WatchBatch[] = [...changes].map(([revision, batch]) => ({
      revision,
      changes: batch,
    }));
    return { batches, throughRevision };
  }

  #addChange(revision: StoreRevision, position: number, staged: StagedChange): void {
    const { change, text } = staged;
    const key = keyOfChange(change);
    if (change.kind === "delete") {
      this.#sql.addChange.run(revision, position, key, text, deletedMark, null, null);
      return;
    }
    const { createRevision, leaseId } = change.entry;
    const lease = leaseId === undefined ? null : Number(leaseId);
    this.#sql.addChange.run(revision, position, key, text, null, createRevision, lease);
  }

  /** Some slack, so that old changes go in dozens rather than one by one. */
  #trim(): void {
    const { revision, compactedRevision, sizeBytes } = this.#state;
    const { historyRevisionsMax, historyBytesMax } = this.#options;
    const isLong = revision - compactedRevision > historyRevisionsMax * 1.1;
    if (!isLong && sizeBytes <= historyBytesMax) return;
    let dropThrough = compactedRevision;
    let keptBytes = sizeBytes;
    for (const row of this.#sql.changeSizes.iterate()) {
      const oldest = numberIn(row, "revision");
      if (oldest === revision) break;
      if (revision - oldest < historyRevisionsMax && keptBytes <= historyBytesMax * 0.9) break;
      dropThrough = oldest;
      keptBytes -= numberIn(row, "size_bytes");
    }
    this.#sql.dropChanges.run(dropThrough);
    this.#state = { revision, compactedRevision: dropThrough, sizeBytes: keptBytes };
  }
}
