/** A server as it is installed: its facade over HTTPS, and a machine that comes in under a name that was registered there. */
import assert from "node:assert/strict";
import { request } from "node:https";
import { join } from "node:path";
import { test } from "node:test";
import { holdfast } from "../setup/support/command.ts";
import { answerOf, startControlPlane } from "../support/control-plane.ts";
import { missingForEtcd } from "../support/etcd-cluster.ts";

interface Call {
  readonly url: string;
  readonly ca: string;
  readonly method: string;
  readonly path: string;
  readonly body?: object;
}

function call({ url, ca, method, path, body }: Call): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const auth = "holdfast/anna:correct horse";
    const asked = request(
      `${url}${path}`,
      { method, ca, auth, headers, agent: false },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
        answer.on("error", reject);
      },
    );
    asked.setTimeout(20_000, () => asked.destroy(new Error("no answer within 20 s")));
    asked.on("error", reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

test("a name that was registered over the exchange's interface is the first machine's that joins under it", {
  skip: missingForEtcd(),
  timeout: 120_000,
}, async (t) => {
  const controlPlane = await startControlPlane({ servers: 1 });
  t.after(() => controlPlane.stop());
  const client = controlPlane.client();
  const anna = { name: "anna", role: "admin", password: "correct horse" } as const;
  answerOf(await client.addUser({ ...anna, ownsNodes: [], ownsServices: [] }));
  const created = answerOf(await client.createJoinToken({ role: "node" }));
  const place = { url: created.servers[0] ?? "", ca: controlPlane.ca };
  const nodes = "/v1/orgs/holdfast/nodes/edge1";
  const made = await call({ ...place, method: "PUT", path: nodes, body: { token: "x" } });
  assert.equal(made.status, 201, made.text);
  const groups = "/v1/orgs/holdfast/hagroups/pair";
  const group = await call({
    ...place,
    method: "POST",
    path: groups,
    body: { members: ["edge1"] },
  });
  assert.equal(group.status, 201, group.text);
  const joined = async (folder: string) => {
    const words = ["node", "join", created.servers.join(","), "--ca-hash", created.authorityHash];
    const data = ["--data", join(controlPlane.folder, folder), "--no-units"];
    const env = { HOLDFAST_JOIN_TOKEN: created.token };
    return await holdfast([...words, "--name", "edge1", ...data], env);
  };
  const first = await joined("first");
  assert.equal(first.code, 0, first.stderr);
  const second = await joined("second");
  assert.equal(second.code, 1);
  assert.match(second.stderr, /there is a node "edge1" already/);
  const node = answerOf(await client.node("edge1"));
  assert.equal(node.haGroup, "pair");
  const shown = await call({ ...place, method: "GET", path: nodes });
  assert.match(shown.text, /"owner":"holdfast\/anna".*"ha_group":"pair"/);
});
