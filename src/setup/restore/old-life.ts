/** What a backup says of the life that it was taken from, as far as the new life depends on it. */
import type { EffectiveItem } from "../../backup/effective-items.ts";
import type { BackupFile } from "../../backup/item.ts";
import { silenceTtlMs } from "../../core/upgrade/dark.ts";
import { isOpen } from "../../core/upgrade/model.ts";
import type { JsonValue } from "../../ports/store.ts";
import { readRecord } from "../../runtime/manager-records.ts";
import { silenceRecordSchema, upgradeRecordSchema } from "../../wire/control-plane/upgrades.ts";
import {
  keys,
  leaseRecordSchema,
  serviceRecordSchema,
  settingsRecordSchema,
} from "../../wire/records.ts";
import { type ServerRecord, serverRecordSchema } from "../../wire/servers.ts";
import { settingsSchema, timesOf } from "../../wire/settings.ts";

/** Small kinds of records that are kept as they are read. */
const keptPrefixes = [
  ...[keys.settings, keys.servers, keys.leases, keys.epochs],
  ...[keys.silence, keys.systemUpgrade],
];

/** Gathers it, item by item. */
export class OldLife {
  readonly files: BackupFile[] = [];
  /** Instances of deployments: they can run on their own node only. */
  readonly instances = new Set<string>();
  readonly #kept = new Map<string, JsonValue>();
  readonly #nodes = new Set<string>();

  add(item: EffectiveItem): void {
    if (item.kind === "file") this.files.push({ name: item.name, text: item.text });
    else this.#put(item.key, item.value);
  }

  /** The text of a file of the server; undefined: it had none. */
  file(name: string): string | undefined {
    return this.files.find((file) => file.name === name)?.text;
  }

  /** Nodes that never had a lease: nothing says which epochs they were given since. */
  nodesWithoutEpoch(): readonly string[] {
    return [...this.#nodes].filter((node) => !this.#kept.has(`${keys.epochs}${node}`));
  }

  servers(): readonly ServerRecord[] {
    return this.#of(keys.servers).map(([key, value]) => readRecord(serverRecordSchema, key, value));
  }

  /** The longest life of a lease that the backup knows of, in milliseconds. */
  leaseMsMax(): number {
    const stored = this.#kept.get(keys.settings);
    const settings =
      stored === undefined
        ? settingsSchema.parse({})
        : readRecord(settingsRecordSchema, keys.settings, stored).settings;
    const leases = this.#of(keys.leases).map(
      ([key, value]) => readRecord(leaseRecordSchema, key, value).times?.ttlMs ?? 0,
    );
    return Math.max(timesOf(settings).ttlMs, ...leases);
  }

  /**
   * The life in milliseconds that leases get where an upgrade announces that no server will answer for a while, if one may
   * have done so in the old life: such a backup is made before the upgrade comes to that. Undefined: it knows of none.
   */
  silenceMs(): number | undefined {
    const silence = this.#kept.get(keys.silence);
    const saidMs =
      silence === undefined
        ? undefined
        : readRecord(silenceRecordSchema, keys.silence, silence).ttlMs;
    if (!this.#mayAnnounce()) return saidMs;
    return Math.max(saidMs ?? 0, silenceTtlMs);
  }

  /**
   * An upgrade that is over announces nothing; of one that is not, its steps say whether it does. Whatever backup an upgrade
   * or a migration within one makes has it in it, and open.
   */
  #mayAnnounce(): boolean {
    const stored = this.#kept.get(keys.systemUpgrade);
    const upgrade =
      stored === undefined
        ? undefined
        : readRecord(upgradeRecordSchema, keys.systemUpgrade, stored);
    if (upgrade === undefined || !isOpen(upgrade)) return false;
    return upgrade.steps.some(({ kind }) => kind === "announce");
  }

  #of(prefix: string): readonly (readonly [string, JsonValue])[] {
    return [...this.#kept].filter(([key]) => key.startsWith(prefix));
  }

  #put(key: string, value: JsonValue): void {
    if (key.startsWith(keys.nodes)) this.#nodes.add(key.slice(keys.nodes.length));
    if (keptPrefixes.some((prefix) => key.startsWith(prefix))) this.#kept.set(key, value);
    if (!key.startsWith(keys.services)) return;
    const { instance } = readRecord(serviceRecordSchema, key, value);
    if (instance !== undefined) this.instances.add(key.slice(keys.services.length));
  }
}
