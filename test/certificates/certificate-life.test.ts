/** When a certificate is due, and whom it names: the two pure rules. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isDueForRotation, rotationDueAtMs } from "../../src/core/certificate-life.ts";
import { parseNodeId } from "../../src/core/ids.ts";
import { holderOfUris, uriOfHolder } from "../../src/core/model/certificate-holder.ts";
import { identity, must, refusal } from "./support/tools.ts";

test("rotationDueAtMs() is at two thirds of the life", () => {
  assert.equal(rotationDueAtMs({ notBeforeMs: 1_000, notAfterMs: 4_000 }), 3_000);
  assert.equal(rotationDueAtMs({ notBeforeMs: 1_000, notAfterMs: 1_001 }), 1_000);
});

const life = { notBeforeMs: 1_000, notAfterMs: 4_000 };
for (const [nowMs, isDue, because] of [
  [999, true, "it does not count yet"],
  [1_000, false, "it is new"],
  [2_999, false, "a third and a bit is left"],
  [3_000, true, "two thirds are over"],
  [9_000, true, "it has expired"],
] as const) {
  test(`isDueForRotation() is ${isDue} at ${nowMs} of 1000 to 4000: ${because}`, () => {
    assert.equal(isDueForRotation({ ...life, nowMs }), isDue);
  });
}

test("holderOfUris() reads back what uriOfHolder() wrote, and ignores other schemes", () => {
  const node = must(parseNodeId("node-1"));
  for (const holder of [
    { kind: "server", serverId: "12" },
    { kind: "node", node, identity },
  ] as const) {
    const read = must(holderOfUris(["https://elsewhere", uriOfHolder(holder)]));
    assert.deepEqual(read, holder);
  }
});

const good = "holdfast:server:1";
for (const [uris, why] of [
  [[], /neither a server nor a node/],
  [["spiffe://holdfast/server/1"], /neither a server nor a node/],
  [[good, good], /names 2 holders/],
  [[good, `holdfast:node:a:${identity}`], /names 2 holders/],
  [[good, "holdfast:"], /names 2 holders/],
  [[good, "HOLDFAST:server:2"], /names 2 holders/],
  [["Holdfast:server:1"], /that of no server/],
  [["holdfast:server:01"], /that of no server/],
  [["holdfast:server:"], /that of no server/],
  [["holdfast:server:1:2"], /that of no server/],
  [["holdfast:server:1\n"], /that of no server/],
  [["holdfast:server:1\0"], /that of no server/],
  [["holdfast:node:a"], /that of no server/],
  [[`holdfast:node::${identity}`], /that of no server/],
  [[`holdfast:node:A:${identity}`], /that of no server/],
  [[`holdfast:node:a:${identity.toUpperCase()}`], /that of no server/],
  [[`holdfast:node:a:b:${identity}`], /that of no server/],
  [["holdfast:user:admin"], /that of no server/],
] as const) {
  test(`holderOfUris() refuses ${JSON.stringify(uris)}`, () => {
    assert.match(refusal(holderOfUris(uris)), why);
  });
}
