/** A server with the facade and people of every kind. */
import type { TestContext } from "node:test";
import { exchangeFacade } from "../../src/compat/exchange/facade.ts";
import type { ServerOptions } from "../../src/server/start.ts";
import { addUser, password } from "../server/access/support.ts";
import { startCluster } from "../server/ha-groups/support.ts";
import { type Harness, type Json, listOf } from "../server/harness.ts";
import { ExchangeClient } from "./exchange-client.ts";

export interface World {
  readonly harness: Harness;
  /** An admin; an owner of node1 and node2; an owner of node3; a viewer. */
  readonly anna: ExchangeClient;
  readonly otto: ExchangeClient;
  readonly olga: ExchangeClient;
  readonly vera: ExchangeClient;
}

/** Nodes `node1` to `node4` are registered; node4 is nobody's but the admins'. */
export async function startWorld(
  t: TestContext,
  options: Partial<ServerOptions> = {},
): Promise<World> {
  const harness = await startCluster(t, { facades: [exchangeFacade], ...options });
  await addUser(harness, "anna", "admin");
  await addUser(harness, "otto", "owner", { ownsNodes: ["node1", "node2", "node9"] });
  await addUser(harness, "olga", "owner", { ownsNodes: ["node3"] });
  await addUser(harness, "vera", "viewer");
  const client = (name: string): ExchangeClient =>
    new ExchangeClient(harness, { id: `holdfast/${name}`, secret: password });
  return {
    harness,
    anna: client("anna"),
    otto: client("otto"),
    olga: client("olga"),
    vera: client("vera"),
  };
}

/** Names and members of the groups in an answer. */
export function groupsIn(json: Json): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    listOf(json["nodeGroups"]).map((group) => [String(group["name"]), group["members"]]),
  );
}
