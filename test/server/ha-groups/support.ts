/** HA groups on a real server, and what the tests ask of them again and again. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { ServerOptions } from "../../../src/server/start.ts";
import { type Answer, type Harness, listOf, startHarness } from "../harness.ts";

/** A server with nodes `node1` to `node4`, which have no agents: they were registered, and are not there. */
export async function startCluster(
  t: TestContext,
  options: Partial<ServerOptions> = {},
): Promise<Harness> {
  const harness = await startHarness(t, options);
  for (const node of ["node1", "node2", "node3", "node4"]) await register(harness, node);
  return harness;
}

/** Registers a node as its agent does, without a lease. */
export async function register(harness: Harness, node: string, more: object = {}): Promise<Answer> {
  const token = await harness.agentToken(node);
  const body = { agentVersion: "1", properties: {}, ...more };
  return await harness.call("POST", "/v1/agent/join", { token, body });
}

/** Makes a node one of another type, as only a record in the store can. */
export async function makeCluster(harness: Harness, node: string): Promise<void> {
  const key = `nodes/${node}`;
  const read = await harness.store.get(key);
  assert.ok(read.ok && read.value.entry !== undefined);
  const value = read.value.entry.value;
  assert.ok(typeof value === "object" && value !== null && !Array.isArray(value));
  const written = await harness.store.txn({
    compare: [],
    then: [{ kind: "put", key, value: { ...value, type: "cluster" } }],
  });
  assert.ok(written.ok && written.value.succeeded);
}

export function put(
  harness: Harness,
  name: string,
  body: object,
  more: {
    readonly token?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly query?: string;
  } = {},
): Promise<Answer> {
  const { query = "", ...options } = more;
  return harness.call("PUT", `/v1/ha-groups/${name}${query}`, { body, ...options });
}

/** Names of the members that an answer shows. */
export function membersIn(answer: Answer): readonly string[] {
  return listOf(answer.json["members"]).map((member) => String(member["node"]));
}

/** All groups with their members, as the server lists them. */
export async function allGroups(harness: Harness): Promise<Readonly<Record<string, string[]>>> {
  const { json } = await harness.call("GET", "/v1/ha-groups");
  const found = listOf(json["items"]).map((group): [string, string[]] => [
    String(group["name"]),
    listOf(group["members"]).map((member) => String(member["node"])),
  ]);
  return Object.fromEntries(found);
}

/** Actions and subjects of the audit, newest first. */
export async function auditOf(harness: Harness): Promise<readonly string[]> {
  const { json } = await harness.call("GET", "/v1/audit");
  return listOf(json["items"]).map(
    (item) => `${String(item["action"])} ${String(item["subject"])}`,
  );
}
