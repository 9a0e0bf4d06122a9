/** Servers under launchers, and orders and reports about their own programs in the store, as an upgrade writes and reads them. */
import { createReadStream, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { systemClock as clock } from "../../../src/adapters/clock/system-clock.ts";
import { parseState, type Trial } from "../../../src/launcher/state.ts";
import type { Log } from "../../../src/ports/log.ts";
import type { JsonValue, Store } from "../../../src/ports/store.ts";
import { openEtcdStore } from "../../../src/stores/etcd/etcd-store.ts";
import { openSqliteStore } from "../../../src/stores/sqlite/sqlite-store.ts";
import {
  type ServerOrderRecord,
  type ServerReportRecord,
  serverReportRecordSchema,
} from "../../../src/wire/packages/server-upgrades.ts";
import { keys } from "../../../src/wire/records.ts";
import type { TestPackage } from "../../agent-upgrade/support/packages.ts";
import { etcdFiles } from "../../server/members/etcdctl.ts";
import {
  answerOf,
  startControlPlane,
  type TestControlPlane,
  type TestServer,
  until,
} from "../../support/control-plane.ts";

const quietLog: Log = { write: () => undefined, with: () => quietLog };
const waitMsMax = 90_000;

export interface UpgradeWorldOptions {
  readonly engine: "embedded" | "etcd";
  readonly servers: number;
  /** What is installed. */
  readonly installed: TestPackage;
  /** Default `server launch`. */
  readonly words?: readonly string[];
}

export type TestOrder = Omit<ServerOrderRecord, "version" | "schema" | "healthyWithinMs"> & {
  readonly healthyWithinMs?: number;
};

/** Starts it; the servers run under launchers. */
export async function startServerWorld(options: UpgradeWorldOptions): Promise<ServerWorld> {
  const { engine, servers, installed, words = ["server", "launch"] } = options;
  const serverWords = [installed.main, ...words];
  const controlPlane = await startControlPlane({ engine, servers, serverWords });
  return new ServerWorld(controlPlane, engine);
}

export class ServerWorld {
  readonly controlPlane: TestControlPlane;
  readonly #engine: "embedded" | "etcd";
  #etcd: Promise<Store> | undefined;

  constructor(controlPlane: TestControlPlane, engine: "embedded" | "etcd") {
    this.controlPlane = controlPlane;
    this.#engine = engine;
  }

  /** The first one, which is the only one on the embedded store. */
  get server(): TestServer {
    return this.at(0);
  }

  at(index: number): TestServer {
    const server = this.controlPlane.servers[index];
    if (server === undefined) throw new Error(`there is no server at place ${index}`);
    return server;
  }

  async push(one: TestPackage): Promise<void> {
    const { path, sha256, sizeBytes } = one;
    answerOf(
      await this.controlPlane.client().pushBundle({
        ...{ sha256, name: basename(path), others: "keep", waitMs: 20_000 },
        content: { sizeBytes, read: () => createReadStream(path) },
      }),
    );
  }

  /** The store of all servers, from outside: of etcd while they run, of the embedded one only while its server does not. */
  async withStore<T>(action: (store: Store) => Promise<T>): Promise<T> {
    if (this.#engine === "etcd") {
      this.#etcd ??= this.#openEtcd();
      return await action(await this.#etcd);
    }
    await this.server.end();
    const file = join(this.server.dataDirectory, "store.sqlite");
    const opened = await openSqliteStore({ file, clock });
    if (!opened.ok) throw new Error(opened.error.message);
    try {
      return await action(opened.value);
    } finally {
      await opened.value.close();
      this.server.start();
    }
  }

  async #openEtcd(): Promise<Store> {
    const opened = await openEtcdStore({
      endpoints: this.controlPlane.servers.map(({ clientUrl }) => clientUrl),
      tls: etcdFiles(this.server),
      clock,
      log: quietLog,
    });
    if (!opened.ok) throw new Error(opened.error.message);
    return opened.value;
  }

  async order(server: TestServer, order: TestOrder): Promise<void> {
    const key = `${keys.serverUpgrades}${server.id}`;
    const value: JsonValue = JSON.parse(
      JSON.stringify({ version: 1, schema: 1, healthyWithinMs: 30_000, ...order }),
    );
    // The same put again is harmless, where nobody knows whether it was done.
    await until("the order to be written", async () => {
      const put = await this.withStore((store) =>
        store.txn({ compare: [], then: [{ kind: "put", key, value }] }),
      );
      return put.ok;
    });
  }

  /** What it said last. */
  async report(server: TestServer): Promise<ServerReportRecord | undefined> {
    const key = `${keys.serverUpgradeReports}${server.id}`;
    const read = await this.withStore((store) => store.get(key));
    if (!read.ok) throw new Error(read.error.message);
    return serverReportRecordSchema.optional().parse(read.value.entry?.value);
  }

  /** Of servers on etcd: waits until it says how the order has ended. */
  async untilOver(server: TestServer, id: string): Promise<ServerReportRecord> {
    let last: ServerReportRecord | undefined;
    const open = ["waiting", "switched"];
    const isOver = async (): Promise<boolean> => {
      last = await this.report(server).catch(() => undefined); // a leader is elected just now
      return last?.id === id && !open.includes(last.state);
    };
    await until(`order ${id} to be over`, isOver, waitMsMax).catch((error: unknown) => {
      const words = `${String(error)}: ${JSON.stringify(last)}`;
      throw new Error(`${words}\n${this.controlPlane.logTails()}`);
    });
    if (last === undefined) throw new Error("it has said nothing");
    return last;
  }

  /** The version that answers at its address; undefined: none does. */
  async version(server: TestServer): Promise<string | undefined> {
    const answer = await this.controlPlane.client(server).servers();
    if (!answer.ok) return undefined;
    const own = answer.value.items.find(({ id }) => id === server.id);
    return own?.health === "ok" ? own.version : undefined;
  }

  async untilVersion(server: TestServer, version: string): Promise<void> {
    const isThere = async (): Promise<boolean> => (await this.version(server)) === version;
    const what = `server ${server.id} to run version ${version}`;
    await until(what, isThere, waitMsMax).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.controlPlane.logTails()}`);
    });
  }

  /** What its launcher has written down of the last trial. */
  trial(server: TestServer): Trial | undefined {
    try {
      const path = join(server.dataDirectory, "versions/state.json");
      return parseState(readFileSync(path, "utf8"))?.trial;
    } catch {
      return undefined; // nothing was ever replaced
    }
  }

  /** Folders of versions that are on its disk. */
  versionsOf(server: TestServer): readonly string[] {
    return readdirSync(join(server.dataDirectory, "versions"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  }

  /** The server's own process, which its launcher has started; undefined: none runs. */
  serverPid(server: TestServer): number | undefined {
    const words = (pid: string): readonly string[] => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      } catch {
        return []; // it has ended
      }
    };
    const isServer = (pid: string): boolean => {
      const found = words(pid);
      const at = found.indexOf("server");
      return at > 0 && found[at + 1] === "run" && found.includes(server.dataDirectory);
    };
    const numbers = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    const pid = numbers.find((name) => isServer(name) && !words(name)[1]?.includes("launcher"));
    return pid === undefined ? undefined : Number(pid);
  }

  async stop(): Promise<void> {
    await (await this.#etcd)?.close();
    await this.controlPlane.stop();
  }
}
