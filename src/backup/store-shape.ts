/**
 * Of which schema the records of a store are, as the store itself says it, and whether they are on their way from one to
 * another: then some are of each, and what is made from them could be brought to no schema.
 */
import { firstSchema } from "../core/migrations/create-migrations.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { JsonValue, Store } from "../ports/store.ts";
import { type SchemaRecord, schemaRecordSchema } from "../wire/control-plane/store-schema.ts";
import { type UpgradeRecord, upgradeRecordSchema } from "../wire/control-plane/upgrades.ts";
import { keys } from "../wire/records.ts";
import type { BackupItem } from "./item.ts";

/** These three say it; their shape is that of all schemas. */
const sayingKeys: readonly string[] = [keys.schema, keys.migration, keys.systemUpgrade];

const underWay = "the store is being brought to another schema";

/** Takes records in any order; of one key the last one counts. */
export class StoreShape {
  readonly #said = new Map<string, JsonValue>();

  /** Undefined: the key is not there any more. */
  put(key: string, value: JsonValue | undefined): void {
    if (!sayingKeys.includes(key)) return;
    if (value === undefined) this.#said.delete(key);
    else this.#said.set(key, value);
  }

  take(item: BackupItem): void {
    if (item.kind === "entry" || item.kind === "changed") this.put(item.key, item.value);
    else if (item.kind === "deleted") this.put(item.key, undefined);
  }

  /** Of the store. One that does not say it is of the first. */
  get schema(): number {
    return this.#record()?.schema ?? firstSchema;
  }

  /** Why the records are not all of that schema; undefined: they are. */
  get flaw(): string | undefined {
    const record = this.#record();
    if (record === undefined && this.#said.has(keys.schema)) {
      return "what the store says of its schema cannot be read";
    }
    if (this.#said.has(keys.migration)) return underWay;
    // One that all servers wait for is taken back without that key.
    if (record?.migratingTo !== undefined) return underWay;
    // A rolling one that is on its way back before it was done, whoever has begun that.
    if (record !== undefined && record.before?.schema === record.schema) return underWay;
    if (record?.before !== undefined && isTakenBack(this.#upgrade())) return underWay;
    return undefined;
  }

  #record(): SchemaRecord | undefined {
    return schemaRecordSchema.safeParse(this.#said.get(keys.schema)).data;
  }

  #upgrade(): UpgradeRecord | undefined {
    return upgradeRecordSchema.safeParse(this.#said.get(keys.systemUpgrade)).data;
  }
}

/** A migration that nobody waited for is taken back while all serve: the store says the new schema until the very end. */
function isTakenBack(upgrade: UpgradeRecord | undefined): boolean {
  if (upgrade?.strategy !== "rolling") return false;
  if (upgrade.state !== "aborting" && upgrade.state !== "abort-failed") return false;
  return upgrade.steps.some(
    ({ kind, state }) => kind === "migrate" && (state === "undoing" || state === "running"),
  );
}

/** As it is now. */
export async function readShape(store: Pick<Store, "get">): Promise<Result<StoreShape, string>> {
  const shape = new StoreShape();
  for (const key of sayingKeys) {
    const read = await store.get(key);
    if (!read.ok) return err(read.error.message);
    shape.put(key, read.value.entry?.value);
  }
  return ok(shape);
}

/** Ends with an error where they turn out to be of another schema than that, or of two. */
export async function* ofOneSchema(
  items: AsyncIterable<Result<readonly BackupItem[], string>>,
  schema: number,
): AsyncGenerator<Result<readonly BackupItem[], string>> {
  const shape = new StoreShape();
  for await (const some of items) {
    if (some.ok) for (const item of some.value) shape.take(item);
    const isLast = some.ok && some.value.at(-1)?.kind === "end";
    const flaw = isLast ? (shape.flaw ?? otherSchema(shape, schema)) : undefined;
    yield flaw === undefined ? some : err(flaw);
  }
}

function otherSchema(shape: StoreShape, schema: number): string | undefined {
  if (shape.schema === schema) return undefined;
  return `the store was brought from schema ${schema} to ${shape.schema} meanwhile; make it again`;
}
