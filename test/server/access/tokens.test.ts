import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import * as z from "zod";
import { createMemoryStore } from "../../../src/stores/memory/memory-store.ts";
import { clock, startHarness, temporaryDirectory } from "../harness.ts";

const recordedSchema = z.object({ token: z.string(), record: z.looseObject({ id: z.string() }) });

test("tokens of version 1 go on working: the recorded admin's and the recorded agent's", async (t) => {
  const path = new URL("recorded/tokens-v1.json", import.meta.url);
  const recorded = z
    .object({ admin: recordedSchema, agent: recordedSchema })
    .parse(JSON.parse(await readFile(path, "utf8")));
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  for (const { record } of [recorded.admin, recorded.agent]) {
    const value = JSON.parse(JSON.stringify(record));
    const put = { kind: "put", key: `tokens/${record.id}`, value } as const;
    assert.ok((await store.txn({ compare: [], then: [put] })).ok);
  }
  const dataDirectory = await temporaryDirectory(t);
  await writeFile(join(dataDirectory, "admin.token"), `${recorded.admin.token}\n`);
  const harness = await startHarness(t, { store, dataDirectory });
  const self = await harness.call("GET", "/v1/whoami");
  assert.deepEqual([String(self.json["who"]), String(self.json["role"])], ["admin/first", "admin"]);
  const put = await harness.call("PUT", "/v1/settings", { body: { profile: "fast" } });
  assert.equal(put.status, 200);
  const { token } = recorded.agent;
  const join_ = { agentVersion: "1", properties: {} };
  const joined = await harness.call("POST", "/v1/agent/join", { token, body: join_ });
  assert.deepEqual([joined.status, String(joined.json["node"])], [200, "node1"]);
  const list = await harness.call("GET", "/v1/tokens");
  assert.equal(list.status, 200);
  const last = await harness.call("DELETE", "/v1/tokens/admin");
  assert.equal(last.json["code"], "refused", "it is the last admin still");
});

test("POST /v1/tokens refuses what cannot be meant", async (t) => {
  const harness = await startHarness(t);
  const cases: readonly (readonly [object, string])[] = [
    [{ role: "root" }, "role"],
    [{ role: "agent" }, "node"],
    [{ role: "viewer", node: "n1" }, "node"],
    [{ role: "owner" }, "ownsNodes"],
    [{ role: "operator", ownsNodes: ["n1"] }, "ownsNodes"],
    [{ role: "user" }, "role"],
    [{ role: "agent", node: "n1", own: true }, "own"],
  ];
  for (const [body, path] of cases) {
    const answer = await harness.call("POST", "/v1/tokens", { body });
    assert.equal(answer.status, 400, JSON.stringify(body));
    const faults = z.array(z.object({ path: z.string() })).parse(answer.json["faults"]);
    assert.equal(faults[0]?.path, path, answer.text);
  }
  const own = await harness.call("POST", "/v1/tokens", { body: { role: "viewer", own: true } });
  assert.match(String(own.json["detail"]), /only users have tokens of their own/);
});
