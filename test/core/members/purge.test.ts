/** Which servers and nodes are purged: tables, and a second implementation that tries everything out. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { chooseNodePurge } from "../../../src/core/members/purge-node.ts";
import {
  choosePurge,
  type Member,
  type PurgeInput,
  removalVerdict,
} from "../../../src/core/members/purge-server.ts";
import { nodeId } from "../manager-harness.ts";

const hourMs = 3_600_000;
const nowMs = 100 * hourMs;

/** `v` a voter, `l` a learner; `-`: lost for two hours, `~`: for a minute, `c`: cordoned. */
function members(...words: readonly string[]): Member[] {
  return words.map((word, index) => {
    const isLost = word.includes("-") || word.includes("~");
    const lostSinceMs = word.includes("-") ? nowMs - 2 * hourMs : nowMs - 60_000;
    return {
      id: String(index + 1),
      isVoter: word.includes("v"),
      isLearner: word.includes("l"),
      isReady: !isLost && !word.includes("c"),
      ...(isLost ? { lostSinceMs } : {}),
    };
  });
}

function input(list: readonly Member[], patch: Partial<PurgeInput> = {}): PurgeInput {
  return {
    members: list,
    readyServersMin: 1,
    nodesCount: 4,
    nodesMissingCount: 1,
    purgeAfterMs: hourMs,
    nowMs,
    ...patch,
  };
}

describe("choosePurge()", () => {
  const cases: readonly (readonly [string, PurgeInput, string | RegExp])[] = [
    ["takes the lost one of three", input(members("v", "v", "v-")), "3"],
    ["takes nobody when all live", input(members("v", "v", "v")), /^$/],
    ["waits until the time is over", input(members("v", "v", "v~")), /60 s, .* is 3600 s/],
    ["takes nobody when it is off", input(members("v", "v", "v-"), { purgeAfterMs: 0 }), /is off/],
    [
      "never takes one when two of three are lost",
      input(members("v", "v-", "v-")),
      /1 of 3 voting/,
    ],
    ["never takes one of two", input(members("v", "v-")), /1 of 2 voting/],
    ["never takes the last", input(members("v-")), /only server/],
    ["takes a lost learner: it has no vote", input(members("v", "l-")), "2"],
    ["keeps a lost learner without quorum", input(members("v", "v-", "l-")), /1 of 2 voting/],
    [
      "keeps a cordoned one, which is not lost",
      input(members("v", "v", "vc"), { readyServersMin: 3 }),
      /^$/,
    ],
    [
      "counts a cordoned one for the quorum, and not as ready",
      input(members("v", "vc", "v-"), { readyServersMin: 2 }),
      /1 ready servers would be left, and readyServersMin is 2/,
    ],
    [
      "takes one when enough ready ones are left",
      input(members("v", "v", "v-"), { readyServersMin: 2 }),
      "3",
    ],
    [
      "takes nobody while more than half of the nodes are missing",
      input(members("v", "v", "v-"), { nodesMissingCount: 3 }),
      /3 of 4 nodes are missing/,
    ],
    [
      "goes on when exactly half are missing",
      input(members("v", "v", "v-"), { nodesMissingCount: 2 }),
      "3",
    ],
    [
      "goes on in a cluster without nodes",
      input(members("v", "v", "v-"), { nodesCount: 0, nodesMissingCount: 0 }),
      "3",
    ],
    ["takes one of two lost of five", input(members("v", "v", "v", "v-", "v-")), "4"],
    [
      "never takes one when three of five are lost",
      input(members("v", "v", "v-", "v-", "v-")),
      /2 of 5 voting/,
    ],
  ];
  for (const [name, given, expected] of cases) {
    test(name, () => {
      const choice = choosePurge(given);
      if (typeof expected === "string") {
        assert.deepEqual(choice, { kind: "purge", id: expected });
        return;
      }
      assert.ok(choice.kind === "nothing", JSON.stringify(choice));
      assert.match(choice.reasons.map(({ because }) => because).join("; "), expected);
    });
  }

  test("takes the one that has been lost longest first", () => {
    const list = members("v", "v", "v", "v-", "v-");
    const later = list.map((one) =>
      one.id === "4" ? { ...one, lostSinceMs: nowMs - 1.5 * hourMs } : one,
    );
    assert.deepEqual(choosePurge(input(later)), { kind: "purge", id: "5" });
  });

  test("counts anew for a second purge: what the first has left must be enough", () => {
    // Five, of which two are lost; at the instant of the second choice a third one is silent too.
    const five = members("v", "v", "v", "v-", "v-");
    assert.deepEqual(choosePurge(input(five)), { kind: "purge", id: "4" });
    const four = members("v", "v", "v~", "-", "v-").filter(({ id }) => id !== "4");
    const second = choosePurge(input(four));
    assert.ok(second.kind === "nothing", "2 of 4 live: 3 have to agree");
    const healed = members("v", "v", "v", "-", "v-").filter(({ id }) => id !== "4");
    assert.deepEqual(choosePurge(input(healed)), { kind: "purge", id: "5" });
    const bounded = choosePurge(input(healed, { readyServersMin: 4 }));
    assert.ok(bounded.kind === "nothing");
  });
});

describe("removalVerdict()", () => {
  const cases: readonly (readonly [string, readonly Member[], string, string | RegExp])[] = [
    ["lets one of three go", members("v", "v", "v"), "1", "may-go"],
    ["lets a lost one of three go at once", members("v", "v", "v~"), "3", "may-go"],
    ["keeps a live one when another is lost", members("v", "v", "v-"), "1", /1 of 2 voting/],
    ["lets one of two go", members("v", "v"), "2", "may-go"],
    ["keeps all without quorum", members("v", "v-"), "2", /1 of 2 voting servers live, and 2/],
    ["keeps the only one", members("v"), "1", /only server/],
    ["keeps the only voter beside a learner", members("v", "l"), "1", /0 of 0 voting/],
    ["lets a learner go", members("v", "l"), "2", "may-go"],
    ["knows whom there is", members("v"), "7", /no server 7/],
    ["keeps one when too few ready ones are left", members("v", "v", "vc"), "1", "may-go"],
  ];
  for (const [name, list, id, expected] of cases) {
    test(name, () => {
      const verdict = removalVerdict({ members: list, id, readyServersMin: 1 });
      if (typeof expected === "string") assert.equal(verdict.kind, expected);
      else {
        assert.ok(verdict.kind === "must-stay");
        assert.match(verdict.because, expected);
      }
    });
  }
});

const memberWord = fc.constantFrom("v", "v", "v", "v-", "v~", "vc", "l", "l-");

/** Whether a majority of the voters is alive, by trying every set of them that is one. */
function someMajorityLives(list: readonly Member[]): boolean {
  const voters = list.filter(({ isVoter }) => isVoter);
  for (let set = 0; set < 2 ** voters.length; set += 1) {
    const chosen = voters.filter((_, index) => Math.floor(set / 2 ** index) % 2 === 1);
    const isMajority = chosen.length > voters.length - chosen.length;
    if (isMajority && chosen.every(({ lostSinceMs }) => lostSinceMs === undefined)) return true;
  }
  return false;
}

test("choosePurge() purges whoever may be, and never costs quorum, as a search of all majorities finds", () => {
  fc.assert(
    fc.property(
      fc.array(memberWord, { minLength: 1, maxLength: 7 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 0, max: 6 }),
      fc.integer({ min: 0, max: 6 }),
      (words, readyServersMin, nodesCount, missing) => {
        const list = members(...words);
        const nodesMissingCount = Math.min(missing, nodesCount);
        const given = input(list, { readyServersMin, nodesCount, nodesMissingCount });
        const mayGo = list.filter(({ id, lostSinceMs }) => {
          if (lostSinceMs === undefined || nowMs - lostSinceMs < hourMs) return false;
          const left = list.filter((one) => one.id !== id);
          const readyCount = left.filter(({ isReady }) => isReady).length;
          return (
            someMajorityLives(list) &&
            someMajorityLives(left) &&
            readyCount >= readyServersMin &&
            nodesCount - nodesMissingCount >= nodesMissingCount
          );
        });
        const choice = choosePurge(given);
        if (choice.kind === "purge") assert.ok(mayGo.some(({ id }) => id === choice.id));
        else {
          assert.equal(mayGo.length, 0);
          const lost = list.filter(({ lostSinceMs }) => lostSinceMs !== undefined);
          assert.equal(choice.reasons.length, lost.length, "each lost one has its reason");
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

test("choosePurge(), repeated and counted anew, ends with a quorum and the wanted ready servers", () => {
  fc.assert(
    fc.property(
      fc.array(memberWord, { minLength: 1, maxLength: 7 }),
      fc.integer({ min: 1, max: 3 }),
      (words, readyServersMin) => {
        let list: readonly Member[] = members(...words);
        const hadQuorum = someMajorityLives(list);
        for (let round = 0; round < 10; round += 1) {
          const choice = choosePurge(input(list, { readyServersMin }));
          if (choice.kind === "nothing") break;
          list = list.filter(({ id }) => id !== choice.id);
          assert.ok(someMajorityLives(list));
          assert.ok(list.filter(({ isReady }) => isReady).length >= readyServersMin);
        }
        assert.equal(someMajorityLives(list), hadQuorum);
      },
    ),
    { numRuns: 1_000 },
  );
});

describe("chooseNodePurge()", () => {
  const lost = (name: string, forMs: number, free = true) => ({
    node: nodeId(name),
    lostSinceMs: nowMs - forMs,
    isFree: () => free,
  });
  const counts = { nodesCount: 6, nodesMissingCount: 2, purgeAfterMs: hourMs, nowMs };
  for (const [name, list, patch, expected] of [
    ["the longest lost", [lost("n1", hourMs), lost("n2", 2 * hourMs)], {}, "n2"],
    ["of equals the first by name", [lost("n2", hourMs), lost("n1", hourMs)], {}, "n1"],
    ["nobody too early", [lost("n1", hourMs - 1)], {}, undefined],
    ["nobody who is not free", [lost("n1", 2 * hourMs, false), lost("n2", hourMs)], {}, "n2"],
    ["nobody when it is off", [lost("n1", hourMs)], { purgeAfterMs: 0 }, undefined],
    ["nobody with 4 of 6 missing", [lost("n1", hourMs)], { nodesMissingCount: 4 }, undefined],
    ["one with 3 of 6 missing", [lost("n1", hourMs)], { nodesMissingCount: 3 }, "n1"],
    [
      "nobody when the only node is missing",
      [lost("n1", hourMs)],
      { nodesCount: 1, nodesMissingCount: 1 },
      undefined,
    ],
  ] as const) {
    test(`chooses ${name}`, () => {
      assert.equal(chooseNodePurge({ lost: list, ...counts, ...patch }), expected);
    });
  }
});
