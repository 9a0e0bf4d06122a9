import assert from "node:assert/strict";
import { once } from "node:events";
import { access, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import test from "node:test";
import { checkPlace } from "../../src/server/preflight.ts";
import { temporaryDirectory } from "./harness.ts";

const anyPort = { host: "127.0.0.1", port: 0 };

test("checkPlace() refuses a port in use, and leaves nothing behind", async (t) => {
  const dataDirectory = join(await temporaryDirectory(t), "data");
  const taken = createServer();
  taken.listen(0, "127.0.0.1");
  await once(taken, "listening");
  t.after(() => taken.close());
  const address = taken.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  assert.deepEqual(await checkPlace({ dataDirectory, listen: { host: "127.0.0.1", port } }), {
    ok: false,
    error: {
      what: `cannot listen on 127.0.0.1 port ${port}: another process uses this address and port`,
      hint: "choose another address with --listen",
    },
  });
  await assert.rejects(access(dataDirectory), { code: "ENOENT" });
});

test("checkPlace() refuses an address of another machine", async (t) => {
  const dataDirectory = join(await temporaryDirectory(t), "data");
  const refused = await checkPlace({ dataDirectory, listen: { host: "192.0.2.1", port: 0 } });
  assert.ok(!refused.ok);
  assert.match(refused.error.what, /this machine has no such address/);
});

test("checkPlace() refuses a data directory that is a file, in words", async (t) => {
  const dataDirectory = join(await temporaryDirectory(t), "file");
  await writeFile(dataDirectory, "");
  assert.deepEqual(await checkPlace({ dataDirectory, listen: anyPort }), {
    ok: false,
    error: {
      what: `cannot use the data directory "${dataDirectory}": it is there already and is something else`,
      hint: "choose a folder of yours with --data",
    },
  });
});

test("checkPlace() makes the data directory and leaves the port free", async (t) => {
  const dataDirectory = join(await temporaryDirectory(t), "data");
  assert.deepEqual(await checkPlace({ dataDirectory, listen: anyPort }), {
    ok: true,
    value: undefined,
  });
  await access(dataDirectory);
});
