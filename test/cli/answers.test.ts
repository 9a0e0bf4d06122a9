/** What the command line makes of answers: in full, in words, and with what to look at next. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { problem } from "./fake-server.ts";
import { createBench } from "./harness.ts";

test("runCli() says in one short line that another program's JSON is no answer", async (context) => {
  const bench = await createBench(context);
  bench.server.override = (_request, response) => {
    response.end('{"hello":"world"}');
    return true;
  };
  const { err, code } = await bench.run(["status"]);
  assert.match(
    err,
    /in a form that this version does not know \(revision: is missing \(expected number\), and 8 more faults\); check that --server/,
  );
  assert.equal(code, 1);
});

test("audit list shows every entry in full, also on a narrow terminal", async (context) => {
  const bench = await createBench(context);
  const detail = "changed: description, maxRelocate, maxRestart, onIsolation, process";
  bench.server.override = (_request, response) => {
    const entry = { revision: 1, atMs: 0, who: "admin/first", from: "10.0.0.1" };
    const items = [{ ...entry, action: "service.replace", subject: "process:api", detail }];
    response.end(JSON.stringify({ revision: 1, items }));
    return true;
  };
  const { out } = await bench.run(["audit", "list"], { terminal: true, columns: 80 });
  assert.ok(out.includes(`service.replace process:api by admin/first from 10.0.0.1: ${detail}\n`));
});

test("audit list keeps the order of entries that a move of the store wrote at once", async (context) => {
  const bench = await createBench(context);
  bench.server.override = (_request, response) => {
    const entry = { who: "admin/first", from: "10.0.0.1", action: "service.add", detail: "" };
    const items = [
      { ...entry, revision: 9, atMs: 3, subject: "process:c" },
      { ...entry, revision: 7, atMs: 2, subject: "process:b" },
      { ...entry, revision: 7, atMs: 1, subject: "process:a" },
    ];
    response.end(JSON.stringify({ revision: 9, items }));
    return true;
  };
  const { out } = await bench.run(["audit", "list"]);
  assert.deepEqual(out.match(/process:./g), ["process:a", "process:b", "process:c"]);
});

test("server remove wants an id, and says where ids and join tokens are listed", async (context) => {
  const bench = await createBench(context);
  const named = await bench.run(["server", "remove", "alpha"]);
  assert.equal(named.code, 2);
  assert.match(named.err, /"alpha" is no server's id; see them with: holdfast server list/);
  bench.server.override = ({ method, path }, response) => {
    if (method !== "DELETE") return false;
    const what = path.includes("servers") ? "server 9" : 'join token "9"';
    response.statusCode = 404;
    response.setHeader("content-type", "application/problem+json");
    response.end(
      JSON.stringify({
        ...{ type: "urn:holdfast:error:not-found", title: "Not found", status: 404 },
        ...{ code: "not-found", detail: `there is no ${what}`, hint: "look" },
      }),
    );
    return true;
  };
  const server = await bench.run(["server", "remove", "9"]);
  assert.match(server.err, /there is no server 9; see what there is with: holdfast server list/);
  const token = await bench.run(["join-token", "revoke", "9"]);
  assert.match(token.err, /no join token "9"; see what there is with: holdfast join-token list/);
});

test("join-token list shows the time left in its two largest units", async (context) => {
  const bench = await createBench(context);
  bench.server.override = (_request, response) => {
    const token = { id: "9c9d0fe8a806", role: "node", name: "", singleUse: false, createdAtMs: 0 };
    const items = [{ ...token, leftMs: 85_850_123, expiresAtMs: 85_850_123 }];
    response.end(JSON.stringify({ items }));
    return true;
  };
  const { out, err } = await bench.run(["join-token", "list"]);
  assert.match(out, /23h 50m/, err);
});

test("events and audit list say so when there are none", async (context) => {
  const bench = await createBench(context);
  assert.equal((await bench.run(["events"])).out, "no events yet\n");
  const some = await bench.run(["events", "--subject", "process:api"]);
  assert.equal(some.out, "no events of process:api yet\n");
  const data = await bench.run(["events", "-o", "json"]);
  assert.deepEqual(JSON.parse(data.out), { items: [], revision: 10 });
});

test("apply of what is there already does not say what to follow", async (context) => {
  const bench = await createBench(context);
  const file = await bench.file("same.yaml", "kind: Settings\nprofile: balanced\n");
  const { out, err } = await bench.run(["apply", "-f", file]);
  assert.deepEqual([out, err], ["settings are already like this\n", ""]);
});

test("service migrate says where a refusal is explained", async (context) => {
  const bench = await createBench(context);
  bench.server.putService({ id: "process:api", process: { command: "/bin/true" } });
  bench.server.override = (request, response) => {
    if (!request.path.endsWith("/commands")) return false;
    problem(response, "refused", 'node "node2" is unknown, not online');
    return true;
  };
  const { err, code } = await bench.run(["service", "migrate", "process:api", "node2"]);
  assert.match(err, /is unknown, not online; look with: holdfast why process:api\n$/);
  assert.equal(code, 5);
});

test("service logs --follow says in words that the server went away", async (context) => {
  const bench = await createBench(context);
  bench.server.putService({ id: "process:api", process: { command: "/bin/true" } });
  bench.server.override = (request, response) => {
    if (!request.path.includes("/logs")) return false;
    response.write("first\n", () => response.destroy());
    return true;
  };
  const { out, err, code } = await bench.run(["service", "logs", "process:api", "--follow"]);
  assert.equal(out, "first\n");
  assert.match(err, /^holdfast: lost http:\/\/[^ ]+: the connection was cut; start it again\n$/);
  assert.equal(code, 1);
});
