/** The list of servers while one hangs, and while the store has no leader; and what a running server's TLS refuses. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { ServerResource } from "../../../src/wire/servers.ts";
import { startControlPlane, type TestControlPlane, until } from "../../support/control-plane.ts";
import { missingForMembers } from "./etcdctl.ts";

const skip = missingForMembers();
/** Two seconds for a server that does not answer, and some for a busy machine. */
const listMsMax = 8_000;

describe("the list of servers", { skip }, () => {
  let plane: TestControlPlane;
  before(async () => {
    plane = await startControlPlane({ servers: 3 });
  });
  after(async () => {
    await plane.stop();
  });

  test("each line says what its server says, and nobody is behind", async () => {
    let lines: readonly ServerResource[] = [];
    // A busy server may be missed in one of the lists, and the office or the lead may be between two.
    await until("all of them, one leader and one manager to be listed", async () => {
      lines = await plane.list();
      const said = lines.map(({ id, name, health }) => `${id} ${name} ${health}`).join();
      return (
        said === "1 server1 ok,2 server2 ok,3 server3 ok" &&
        lines.filter(({ role }) => role === "leader").length === 1 &&
        lines.filter(({ isManager }) => isManager).length === 1 &&
        new Set(lines.map(({ term }) => term)).size === 1
      );
    });
    for (const line of lines) {
      assert((line.behind ?? Number.NaN) >= 0, "a distance is a number");
      assert(line.index !== undefined && line.applied !== undefined && line.version !== undefined);
    }
  });

  test("each server leaves all of them, and the authority, for the command line on its machine", async () => {
    const urls = plane.servers.map(({ url }) => url);
    for (const { dataDirectory, url } of plane.servers) {
      await until("all servers to be in its file", () => {
        const text = readFileSync(join(dataDirectory, "server.json"), "utf8");
        return urls.every((one) => text.includes(one));
      });
      const place = JSON.parse(readFileSync(join(dataDirectory, "server.json"), "utf8"));
      assert.deepEqual([place.url, place.servers], [url, urls]);
      assert.equal(readFileSync(place.authorityFile, "utf8"), plane.ca);
    }
  });

  test("it does not wait for a server that hangs, and works without a leader of the store", async () => {
    const [first, second, third] = plane.servers;
    assert(first !== undefined && second !== undefined && third !== undefined);
    let lines: readonly ServerResource[] = [];
    /** Each of its answers comes in time; a busy server may be missed in one of them. */
    const untilHealth = async (what: string, ...wanted: readonly string[]): Promise<void> => {
      const isSo = async (): Promise<boolean> => {
        const beganAtMs = performance.now();
        lines = await plane.list(first);
        assert(performance.now() - beganAtMs < listMsMax);
        return lines.map(({ health }) => health).join() === wanted.join();
      };
      await until(what, isSo).catch((error: unknown) => {
        throw new Error(`${String(error)}: ${JSON.stringify(lines)}`);
      });
    };
    third.freeze();
    await untilHealth("one to be missed", "ok", "ok", "unreachable");
    assert.match(lines[2]?.because ?? "", /no answer within/);
    second.freeze();
    const alone = ["cut-off", "unreachable", "unreachable"];
    await untilHealth("the one that is left to know that it has no leader", ...alone);
    const [own] = lines;
    assert.match(own?.because ?? "", /no leader|cut off/);
    assert(own?.index !== undefined && own.term !== undefined, "it says how far it is");
    second.thaw();
    third.thaw();
    await plane.allServe();
  });
});
