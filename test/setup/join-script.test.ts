/** The command for a new machine: printed alone, with what is in the way beside it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { startControlPlane } from "../support/control-plane.ts";
import { holdfast, temporaryFolder } from "./support/command.ts";

test("a command for a server is printed with a warning while there can be one only", {
  timeout: 60_000,
}, async (t) => {
  const plane = await startControlPlane({ servers: 1, nodes: 0, engine: "embedded" });
  t.after(() => plane.stop());
  const [server] = plane.servers;
  assert.ok(server !== undefined);
  const environment = {
    HOLDFAST_SERVER: server.url,
    HOLDFAST_CA: join(server.dataDirectory, "pki/ca.crt"),
    HOLDFAST_TOKEN: plane.token,
  };
  const forNode = await holdfast(["join-script", "--node"], environment);
  assert.match(forNode.stdout, /^HOLDFAST_JOIN_TOKEN=\S+ holdfast node join \S+ --ca-hash \S+\n$/);
  assert.match(forNode.stderr, /^as root on the new machine; it counts for 1d [^\n]*\n$/);
  const forServer = await holdfast(["join-script", "--server"], environment);
  assert.match(
    forServer.stdout,
    /^HOLDFAST_JOIN_TOKEN=\S+ holdfast server join \S+ --ca-hash \S+\n$/,
  );
  assert.match(
    forServer.stderr,
    /^warning: no server can join yet: [^\n]*server init --ha[^\n]*\n/,
  );
  const [variable = "", ...words] = forServer.stdout.trim().split(" ").toSpliced(1, 1);
  const data = join(temporaryFolder(t), "data");
  const place = ["--name", "late", "--data", data, "--no-units", "--host", "127.0.0.1"];
  const tried = await holdfast([...words, ...place], {
    HOLDFAST_JOIN_TOKEN: variable.slice("HOLDFAST_JOIN_TOKEN=".length),
  });
  assert.equal(tried.code, 1);
  assert.match(tried.stderr, /embedded store.*server init --ha/);
});
