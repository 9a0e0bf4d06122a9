/**
 * Makes `fixtures/schema-<N>.json`: what a store of this program's schema holds, of every kind of record. A real cluster
 * writes what it can be brought to write; the rest is written down here, in the shape that this program writes. Run it
 * once for each schema, before the next one is released, and never again: `node test/migrations/make-fixture.ts`.
 */

import { writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import { programVersion } from "../../src/cli/commands/version.ts";
import { programMigrations } from "../../src/core/migrations/program.ts";
import type { StoredEntry } from "../../src/ports/store.ts";
import { openSqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import { keys } from "../../src/wire/records.ts";
import { startControlPlane, type TestControlPlane, until } from "../support/control-plane.ts";
import { writtenDown } from "./support/records-written-down.ts";

/** Of each kind; more of the same show nothing new. */
const ofEachKindMax = 8;

const folder = join(import.meta.dirname, "fixtures");

await main();

async function main(): Promise<void> {
  const plane = await startControlPlane({ servers: 1, nodes: 2, engine: "embedded" });
  try {
    await live(plane);
    const [server] = plane.servers;
    if (server === undefined) throw new Error("there is a server");
    await server.end();
    await server.kill();
    const entries = await dump(join(server.dataDirectory, "store.sqlite"));
    const schema = programMigrations.schema;
    const file = join(folder, `schema-${schema}.json`);
    const words = { schema, madeBy: `holdfast ${programVersion}`, entries };
    writeFileSync(file, `${JSON.stringify(words, undefined, 1)}\n`);
    process.stdout.write(`${file}: ${entries.length} entries\n`);
  } finally {
    await plane.stop();
  }
}

/** Has it do a little of everything. */
async function live(plane: TestControlPlane): Promise<void> {
  const call = caller(plane);
  await call("PUT", "/v1/groups/front", {
    ...{ name: "front", nodes: [{ node: "node1" }, { node: "node2" }] },
  });
  for (const name of ["web", "batch"]) {
    const limits = { cpuCores: 0.1, memoryBytes: 1_000_000 };
    await call("POST", "/v1/services", {
      ...{ id: `process:${name}`, process: { command: "sleep", arguments: ["1000"] }, limits },
      ...(name === "web" ? { group: "front" } : {}),
    });
  }
  await call("PUT", "/v1/rules/apart", {
    ...{ name: "apart", type: "resource-affinity", affinity: "negative" },
    services: ["process:web", "process:batch"],
  });
  await call("POST", "/v1/users", { name: "eve", role: "operator", password: "correct horse" });
  await call("POST", "/v1/tokens", { role: "viewer", name: "reader" });
  await call("POST", "/v1/join-tokens", { role: "node" });
  await call("PUT", "/v1/load-balancer", { loadBalancer: "127.0.0.1:9" });
  await call("POST", "/v1/ha-groups", { name: "pair", members: ["node1", "node2"] });
  await call("PUT", "/v1/nodes/node2/taints/slow");
  await call("PATCH", "/v1/nodes/node1", { setProperties: { rack: "r1" } });
  const run = { command: "sleep", arguments: ["1000"] };
  for (const version of ["1.0.0", "1.1.0"]) {
    await call("POST", "/v1/definitions", { service: "process:edge", version, process: run });
  }
  const versions = [{ version: "1.0.0" }];
  await call("PUT", "/v1/deployments/edge", {
    ...{ name: "edge", service: "process:edge", versions },
  });
  await until("all to run", async () => {
    const { items } = (await call("GET", "/v1/services")) as { items: { state: string }[] }; // the API's own list
    return items.length >= 3 && items.every(({ state }) => state === "started");
  });
  await call("POST", "/v1/services/process:batch/commands", { command: "stop" });
  await call("PUT", "/v1/arming", { mode: "freeze" });
  await call("PUT", "/v1/freeze", { reason: "a fixture is made" });
}

function caller(plane: TestControlPlane) {
  const { token, ca } = plane;
  const [server] = plane.servers;
  return (method: string, path: string, body?: object): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const type = body === undefined ? {} : { "content-type": "application/json" };
      const headers = { authorization: `Bearer ${token}`, ...type };
      const asked = request(`${server?.url}${path}`, { method, ca, headers }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (piece: string) => {
          text += piece;
        });
        response.on("end", () => {
          if ((response.statusCode ?? 500) < 300)
            resolve(text === "" ? undefined : JSON.parse(text));
          else reject(new Error(`${method} ${path}: ${text}`));
        });
      });
      asked.on("error", reject);
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
}

/** Some of each kind, and what the cluster did not write. */
async function dump(file: string): Promise<readonly Pick<StoredEntry, "key" | "value">[]> {
  const opened = await openSqliteStore({ file, clock });
  if (!opened.ok) throw new Error(opened.error.message);
  const read = await opened.value.range("");
  await opened.value.close();
  if (!read.ok) throw new Error(read.error.message);
  const kinds = Object.values(keys).flatMap((prefix) => {
    const found = read.value.entries.filter(({ key }) =>
      prefix.endsWith("/") ? key.startsWith(prefix) : key === prefix,
    );
    const real = found.slice(0, ofEachKindMax).map(({ key, value }) => ({ key, value }));
    if (real.length > 0) return real;
    const written = writtenDown.filter(({ key }) => key.startsWith(prefix));
    if (written.length === 0) process.stderr.write(`nothing is known of ${prefix}\n`);
    return written;
  });
  return kinds.sort((left, right) => (left.key < right.key ? -1 : 1));
}
