/** What people have written into a cluster, as the API lists it: all of it has to be there after an upgrade, too. */
import type { Client } from "../../../src/client/client.ts";
import { answerOf } from "../../support/control-plane.ts";
import type { Witness } from "./witness.ts";

const password = "correct horse";

/** Of each kind something; needs `node1` and `node2`. */
export async function fillCluster(client: Client, witness: Witness): Promise<void> {
  const both = { name: "both", nodes: [{ node: "node1" }, { node: "node2" }] };
  answerOf(await client.putGroup(both, "new"));
  answerOf(await client.addService({ ...witness.service("nap1"), group: "both" }));
  answerOf(await client.addService(witness.service("nap2")));
  answerOf(await client.addService({ ...witness.service("rest"), state: "stopped" }));
  const apart = {
    ...{ name: "apart", type: "resource-affinity" as const, affinity: "negative" as const },
    services: ["process:nap1", "process:nap2"],
  };
  answerOf(await client.putRule(apart, "new"));
  answerOf(await client.changeSettings({ rebalanceOnStart: true }));
  answerOf(await client.addUser({ name: "erika", password, role: "operator" }));
  answerOf(await client.createToken({ name: "monitoring", role: "viewer" }));
}

/** The password of a user still opens. */
export async function login(client: Client): Promise<void> {
  answerOf(await client.login("erika", password));
}

/** Without what each write of a record moves on. */
export async function inventory(client: Client): Promise<unknown> {
  const services = answerOf(await client.services()).items.map(
    ({ id, config, requested, removing, state, node, running }) => {
      return { id, config, requested, removing, state, node, running };
    },
  );
  const groups = answerOf(await client.groups()).items.map(({ revision: _, ...rest }) => rest);
  const rules = answerOf(await client.rules()).items.map(({ revision: _, ...rest }) => rest);
  const users = answerOf(await client.users()).items.map(({ revision: _, ...rest }) => rest);
  const tokens = answerOf(await client.tokens())
    .items.filter(({ user }) => user === undefined) // each login makes one
    .sort((left, right) => (left.id < right.id ? -1 : 1));
  const nodes = answerOf(await client.nodes()).items.map(({ id, state }) => ({ id, state }));
  const settings = answerOf(await client.settings());
  return { services, groups, rules, users, tokens, nodes, settings };
}
