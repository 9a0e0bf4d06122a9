/** What a backup of a large cluster and its restore take, on real files, with everything verified. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import { programMigrations as migrations } from "../../src/core/migrations/program.ts";
import { err } from "../../src/core/result.ts";
import type { Log } from "../../src/ports/log.ts";
import type { JsonValue, Operation, Store } from "../../src/ports/store.ts";
import { makeBackupFile } from "../../src/server/backup/make-backup.ts";
import { initServer } from "../../src/setup/init-server.ts";
import { restoreBackup } from "../../src/setup/restore/restore-backup.ts";
import { readServerSecrets } from "../../src/setup/restore/server-secrets.ts";
import { serverPlaces } from "../../src/setup/server-files.ts";
import { openSqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import { missingForEtcd } from "../support/etcd-cluster.ts";
import { freePortOfThree } from "../support/free-ports.ts";

export const backupServiceCount = 100_000;
const nodeCount = 1_000;
const batchMax = 900;
const quietLog: Log = { write: () => undefined, with: () => quietLog };

export interface BackupTimes {
  readonly createMs: number;
  /** Longest time for which the server could do nothing else. */
  readonly stallMsMax: number;
  readonly sizeBytes: number;
  readonly keyCount: number;
  /** Of the work alone: a plain `backup restore` waits besides until leases of the old life are over, a minute mostly. */
  readonly restoreEmbeddedMs: number;
  /** Undefined: there is no etcd here. */
  readonly restoreEtcdMs: number | undefined;
}

/** Fills a store, and measures one backup and a restore of it into each engine. */
export async function measureBackup(diagnostic: (line: string) => void): Promise<BackupTimes> {
  const folder = mkdtempSync(join(tmpdir(), "hf-bench-backup-"));
  try {
    return await measureIn(folder, diagnostic);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureIn(folder: string, diagnostic: (line: string) => void): Promise<BackupTimes> {
  const dataDirectory = join(folder, "server");
  const port = await freePortOfThree();
  const made = await initServer({
    ...{ dataDirectory, name: "bench", host: "127.0.0.1", port, engine: "embedded", clock },
    ...{ etcdUrls: [], loadBalancer: undefined, isolate: false },
  });
  if (!made.ok) throw new Error(made.error);
  const { sqliteFile: file } = serverPlaces(dataDirectory);
  const opened = await openSqliteStore({ file, clock });
  if (!opened.ok) throw new Error(opened.error.message);
  diagnostic(`backup: fills a store with ${backupServiceCount} services`);
  await fill(opened.value);
  const delays = monitorEventLoopDelay({ resolution: 1 });
  const secrets = () => readServerSecrets(dataDirectory);
  const source = {
    store: opened.value,
    clock,
    serverId: "1",
    version: "0.0.0",
    secrets,
  };
  const signal = new AbortController().signal;
  const directory = join(folder, "backups");
  delays.enable();
  const beganAtMs = performance.now();
  const written = await makeBackupFile(source, { directory, origin: "person", signal });
  const createMs = performance.now() - beganAtMs;
  delays.disable();
  await opened.value.close();
  if (!written.ok) throw new Error(written.error);
  const restore = async (
    engine: "embedded" | "etcd",
  ): Promise<{ ms: number; keyCount: number }> => {
    diagnostic(`backup: restores into ${engine}, without the wait for leases of the old life`);
    const began = performance.now();
    const restored = await restoreBackup({
      ...{ file: written.value.path, dataDirectory: join(folder, engine), engine, signal },
      ...{ existing: "refuse", oldLife: "leases-over", clock, log: quietLog },
      askPassphrase: () => Promise.resolve(err("it is not encrypted")),
      program: { version: "0.0.0", migrations },
      onStep: () => undefined,
    });
    if (!restored.ok || restored.value === "completed") throw new Error("it was not restored");
    return { ms: performance.now() - began, keyCount: restored.value.keyCount };
  };
  const embedded = await restore("embedded");
  const etcd = missingForEtcd() === undefined ? await restore("etcd") : undefined;
  return {
    createMs,
    stallMsMax: delays.max / 1e6,
    sizeBytes: written.value.sizeBytes,
    keyCount: embedded.keyCount,
    restoreEmbeddedMs: embedded.ms,
    restoreEtcdMs: etcd?.ms,
  };
}

async function fill(store: Store): Promise<void> {
  let operations: Operation[] = [];
  const flush = async (): Promise<void> => {
    const written = await store.txn({ compare: [], then: operations });
    if (!written.ok) throw new Error(written.error.message);
    operations = [];
  };
  for (const [key, value] of records()) {
    operations.push({ kind: "put", key, value });
    if (operations.length === batchMax) await flush();
  }
  await flush();
}

function* records(): Generator<readonly [string, JsonValue]> {
  const version = 1;
  for (let number = 0; number < nodeCount; number += 1) {
    const node = `node${number}`;
    yield [`nodes/${node}`, nodeRecord(node)];
    yield [`epochs/${node}`, { version, epoch: 3 }];
    const reason = { code: "lease-granted", node, epoch: 3 };
    yield [`node-states/${node}`, { version, state: "online", sinceMs: 1, reason }];
  }
  for (let number = 0; number < backupServiceCount; number += 1) {
    const service = `process:service-${number}`;
    const node = `node${number % nodeCount}`;
    const uid = `12.1.${number}`;
    const config = { id: service, command: ["/usr/bin/service", "--port", String(number)] };
    yield [`services/${service}`, { version, config, removing: false, addedAtMs: 1 }];
    const reason = { code: "reported-running", node };
    const place = { service, uid, node };
    yield [
      `statuses/${service}`,
      { version, ...place, state: "started", nodeEpoch: 3, failedNodes: [], sinceMs: 1, reason },
    ];
    yield [
      `reports/${service}`,
      { version, ...place, epoch: 3, result: "running", detail: "", health: "healthy", atMs: 1 },
    ];
  }
}

function nodeRecord(node: string): JsonValue {
  return {
    ...{ version: 1, node, type: "device", properties: { rack: "r1" }, agentVersion: "0.1.0" },
    ...{ registeredAtMs: 1, confirmedOffEpoch: 0 },
  };
}
