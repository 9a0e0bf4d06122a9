/**
 * Looks whether what a backup holds fits together: keys in order and none twice, each record readable by this program,
 * what records refer to there, and as many of each as its summary says.
 */
import { type MigrationPlan, migrateEntry } from "../core/migrations/plan.ts";
import type { JsonValue } from "../ports/store.ts";
import { flawOfRecord } from "../wire/control-plane/record-schemas.ts";
import { haMemberRecordSchema } from "../wire/fleet/ha-groups.ts";
import { keys } from "../wire/records.ts";
import type { BackupSummary } from "./format.ts";
import type { BackupItem } from "./item.ts";
import { StoreShape } from "./store-shape.ts";

/** Faults that are told; one that damaged a file in one way has done so in many places. */
const faultsMax = 20;
const fileNamePattern = /^(?:pki\/)?[a-z][a-z0-9.-]*$/;

/** What is of no use without what it belongs to: both are made and removed in one transaction. */
const belongings = [
  { of: keys.statuses, to: keys.services },
  { of: keys.haMembers, to: keys.haGroups },
] as const;

/** Takes all items of one backup, in their order. */
export class ItemCheck {
  readonly #plan: MigrationPlan;
  readonly #faults: string[] = [];
  readonly #keys = new Set<string>();
  readonly #changed = new Set<string>();
  readonly #haGroupOf = new Map<string, string>();
  readonly #shape = new StoreShape();
  #lastKey: Buffer | undefined;
  #fileCount = 0;

  /** `plan`: what brings records of an older schema to that of this program. */
  constructor(plan: MigrationPlan) {
    this.#plan = plan;
  }

  /** Keys that changed while others were read: their entries before do not count. */
  get changed(): ReadonlySet<string> {
    return this.#changed;
  }

  add(item: BackupItem): void {
    this.#shape.take(item);
    switch (item.kind) {
      case "entry":
        this.#addEntry(item.key);
        this.#addRecord(item.key, item.value);
        return;
      case "changed":
        this.#addChange(item.key);
        this.#keys.add(item.key);
        this.#addRecord(item.key, item.value);
        return;
      case "deleted":
        this.#addChange(item.key);
        this.#keys.delete(item.key);
        return;
      case "file":
        this.#fileCount += 1;
        if (!fileNamePattern.test(item.name)) this.#fault(`it holds a file "${item.name}"`);
        return;
      case "end":
        return;
      default:
        item satisfies never;
    }
  }

  /** What is wrong, each as a sentence; empty: nothing. */
  finish(summary: BackupSummary): readonly string[] {
    const counted = { entryCount: this.#keys.size, fileCount: this.#fileCount };
    if (summary.entryCount !== counted.entryCount || summary.fileCount !== counted.fileCount) {
      this.#fault(
        `it holds ${counted.entryCount} keys and ${counted.fileCount} files, and says ${summary.entryCount} and ${summary.fileCount}`,
      );
    }
    this.#checkSchema();
    // Of an older schema nobody knows here which keys belong to which.
    if (this.#plan.steps.length === 0) for (const key of this.#keys) this.#checkBelonging(key);
    return this.#faults;
  }

  /** Records of another schema than the header's would be brought to a wrong one, or not at all. */
  #checkSchema(): void {
    const { flaw, schema } = this.#shape;
    if (flaw !== undefined) this.#fault(`it was made while ${flaw}; take an earlier one`);
    else if (schema !== this.#plan.from) {
      this.#fault(
        `its header says schema ${this.#plan.from}, and the store in it has ${schema}; take another one`,
      );
    }
  }

  #addEntry(key: string): void {
    const bytes = Buffer.from(key);
    if (this.#lastKey !== undefined && Buffer.compare(this.#lastKey, bytes) >= 0) {
      this.#fault(`the key "${key}" is not in its place`);
    }
    this.#lastKey = bytes;
    this.#keys.add(key);
  }

  #addChange(key: string): void {
    if (this.#changed.has(key)) this.#fault(`the key "${key}" has changed twice`);
    this.#changed.add(key);
  }

  #addRecord(key: string, value: JsonValue): void {
    for (const entry of migrateEntry(this.#plan, { key, value })) {
      const flaw = flawOfRecord(entry);
      if (flaw !== undefined) this.#fault(`the record "${entry.key}" ${flaw}`);
    }
    const group = key.startsWith(keys.haMembers) ? groupIn(value) : undefined;
    if (group !== undefined) this.#haGroupOf.set(key, group);
  }

  #checkBelonging(key: string): void {
    for (const { of, to } of belongings) {
      if (!key.startsWith(of)) continue;
      const owner = of === keys.haMembers ? this.#haGroupOf.get(key) : key.slice(of.length);
      if (owner !== undefined && !this.#keys.has(`${to}${owner}`)) {
        this.#fault(`the record "${key}" belongs to "${to}${owner}", which is not there`);
      }
    }
  }

  #fault(sentence: string): void {
    if (this.#faults.length < faultsMax) this.#faults.push(sentence);
  }
}

function groupIn(value: JsonValue): string | undefined {
  const parsed = haMemberRecordSchema.safeParse(value);
  return parsed.success ? parsed.data.group : undefined;
}
