/** Three real servers: what `server list` tells of them all, and a setting of one of them, told to another one. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { programVersion } from "../../src/cli/commands/version.ts";
import { createBench, type Ran } from "../cli/harness.ts";
import { missingForMembers } from "../server/members/etcdctl.ts";
import { mainPath } from "../support/built-program.ts";
import {
  answerOf,
  startControlPlane,
  type TestControlPlane,
  until,
} from "../support/control-plane.ts";

const skip = missingForMembers();

describe("the configuration of three servers", { skip }, () => {
  let plane: TestControlPlane;
  before(async () => {
    plane = await startControlPlane({ servers: 3, runner: [mainPath, "server", "run"] });
  });
  after(async () => {
    await plane.stop();
  });

  test("server list says that all are alike, then who differs in what; a restart keeps it", async (t) => {
    const bench = await createBench(t);
    const environment = {
      HOLDFAST_SERVER: plane.servers[0]?.url ?? "",
      HOLDFAST_TOKEN: plane.token,
      HOLDFAST_CA: join(plane.folder, "server1", "pki/ca.crt"),
    };
    const run = (words: string): Promise<Ran> => bench.run(words.split(" "), { environment });
    const same = `all 3 servers run ${programVersion} with the same configuration\n`;
    await until("all to have told of themselves", async () => {
      return JSON.parse((await run("config show -o json")).out).servers.length === 3;
    });
    await until("all to have the same settings", async () =>
      (await run("server list")).out.endsWith(same),
    );
    assert.equal((await run("config diff")).code, 0);
    const second = plane.servers[1];
    assert.ok(second !== undefined && !second.log.includes('"level":"debug"'));
    const set = await run("config set logLevel=debug logFormat=text --on server2");
    assert.deepEqual([set.code, set.err], [0, ""]);
    assert.match(
      set.out,
      /logLevel=debug\n.*\nafter a restart of server 2 "server2": logFormat=text/,
    );
    // Changes are told in its log at that level.
    answerOf(await plane.client(second).createJoinToken({ role: "node" }));
    await until("it to log more", () => second.log.includes('"level":"debug"'));
    const differs = "logLevel differs: info (server1, server3), debug (server2)\n";
    const list = await run("server list");
    assert.ok(list.out.endsWith(`with different configurations\n${differs}`), list.out);
    const { alike } = answerOf(await plane.client().servers());
    assert.deepEqual([alike?.versions, alike?.configuration], [true, false]);
    await second.end();
    second.start();
    await plane.allServe();
    await until("it to have told of itself again", async () => {
      const shown = await run("config show --on 2");
      return /^logFormat +text +set$/m.test(shown.out) && !shown.out.includes("after a restart");
    });
    const shown = await run("config show --on 2");
    assert.match(
      shown.out,
      /^id +2 +identity\nname +server2 +identity\nhost +127\.0\.0\.1 +identity$/m,
    );
    assert.match(shown.out, /^logLevel +debug +set$/m);
    const kept = readFileSync(join(second.dataDirectory, "server-settings.json"), "utf8");
    assert.deepEqual(JSON.parse(kept), { logLevel: "debug", logFormat: "text" });
    const diff = await run("config diff --on 1 --on 2");
    assert.equal(diff.code, 1);
    assert.match(diff.out, /logLevel: 1 "server1" info, 2 "server2" debug/);
  });
});
