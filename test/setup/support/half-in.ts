/** Servers that are stopped at a certain point of their way into the store's cluster. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Store } from "../../../src/ports/store.ts";
import { openEtcdStore } from "../../../src/stores/etcd/etcd-store.ts";
import { keys } from "../../../src/wire/records.ts";
import {
  startControlPlane,
  type TestControlPlane,
  type TestServer,
  until,
} from "../../support/control-plane.ts";
import { accessTo, firstOf, storedOf } from "./facts.ts";

const nothing = Promise.resolve();

/** The store, asked at one server's member. */
export async function storeThrough(t: TestContext, server: TestServer): Promise<Store> {
  const opened = await openEtcdStore(await accessTo(server));
  assert.ok(opened.ok);
  t.after(() => opened.value.close());
  return opened.value;
}

/** SIGKILL as soon as the log says so, and `meanwhile` was done: only its store's member is there for that. */
export async function killAt(
  server: TestServer,
  words: string,
  meanwhile: () => Promise<unknown> = () => nothing,
): Promise<void> {
  server.start();
  await server.freezeAt(words);
  await meanwhile();
  await server.kill();
}

/** What `store.json` says. */
export async function isJoining(server: TestServer): Promise<boolean> {
  const stored = await storedOf(server);
  return stored?.engine === "etcd" && stored.joining;
}

interface HalfIn {
  readonly controlPlane: TestControlPlane;
  readonly server: TestServer;
}

/** Two members of which one was killed before it was a server; on a fast machine not at the first attempt. */
export async function halfIn(
  t: TestContext,
  meanwhile?: (controlPlane: TestControlPlane) => Promise<unknown>,
): Promise<HalfIn> {
  return await attempts(t, 1, async (controlPlane, server) => {
    await killAt(server, "has caught up and votes", () => meanwhile?.(controlPlane) ?? nothing);
    return await isJoining(server);
  });
}

/** The same with its process stopped, and its member running; beside so many servers. */
export async function frozenHalfIn(t: TestContext, servers: number = 1): Promise<HalfIn> {
  return await attempts(t, servers, async (controlPlane, server) => {
    server.start();
    await server.freezeAt("has caught up and votes");
    const store = await storeThrough(t, firstOf(controlPlane));
    const read = await store.get(`${keys.servers}${server.id}`);
    return read.ok && read.value.entry === undefined;
  });
}

async function attempts(
  t: TestContext,
  servers: number,
  attempt: (controlPlane: TestControlPlane, server: TestServer) => Promise<boolean>,
): Promise<HalfIn> {
  for (let count = 0; count < 5; count += 1) {
    const controlPlane = await startControlPlane({ servers });
    t.after(() => controlPlane.stop());
    const server = await controlPlane.prepareServer();
    if (await attempt(controlPlane, server)) return { controlPlane, server };
    await controlPlane.stop(); // without the stopped one there is no quorum that could take it out
  }
  throw new Error("each was a server before it could be stopped");
}

/** Starts it and waits until it is a server as the others. */
export async function comesIn(controlPlane: TestControlPlane, server: TestServer): Promise<void> {
  server.start();
  await controlPlane.allServe();
  await until("it to have come in", async () => !(await isJoining(server)));
}
