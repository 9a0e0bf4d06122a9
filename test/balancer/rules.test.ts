/** The pure parts as tables: what checks add up to, whom a connection goes to, which lists are none. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { backendsOf } from "../../src/balancer/config/backends.ts";
import { type Candidate, inOrderOfChoice } from "../../src/balancer/forward/choice.ts";
import {
  afterCheck,
  type CheckOutcome,
  type HealthState,
  neverAsked,
} from "../../src/balancer/health/health-state.ts";

describe("afterCheck()", () => {
  const outcomes: Readonly<Record<string, CheckOutcome["kind"]>> = {
    r: "ready",
    n: "not-ready",
    u: "unreachable",
  };
  /** Letters: what the checks found; words: how the server is then. */
  const cases: readonly (readonly [string, HealthState["kind"]])[] = [
    ["", "unknown"],
    ["r", "ready"],
    ["n", "not-ready"],
    ["u", "unreachable"],
    ["rn", "ready"],
    ["rnn", "not-ready"],
    ["run", "not-ready"],
    ["rnu", "unreachable"],
    ["rnrn", "ready"],
    ["rurururu", "ready"],
    ["nr", "not-ready"],
    ["nrr", "not-ready"],
    ["nrrr", "ready"],
    ["nrrnrr", "not-ready"],
    ["nrrnrrr", "ready"],
    ["nu", "unreachable"],
    ["un", "not-ready"],
    ["urrurr", "unreachable"],
    ["rnnrrr", "ready"],
    ["rnnrrrn", "ready"],
  ];
  for (const [letters, wanted] of cases) {
    it(`is ${wanted} after "${letters}"`, () => {
      const kinds = [...letters].map((letter) => outcomes[letter]);
      const state = kinds.reduce<HealthState>(
        (before, kind) => afterCheck(before, { kind: kind ?? "ready", because: "" }),
        neverAsked,
      );
      assert.equal(state.kind, wanted);
    });
  }
});

describe("inOrderOfChoice()", () => {
  interface Named extends Candidate {
    readonly name: string;
  }
  const candidate = (
    name: string,
    kind: HealthState["kind"],
    more: Partial<Candidate> & { readonly againstCount?: number } = {},
  ): Named => {
    const { againstCount = 0, ...rest } = more;
    const health = { kind, because: "", againstCount };
    return { name, health, isSuspect: false, connectionCount: 0, lastChosen: 0, ...rest };
  };
  const cases: readonly (readonly [string, readonly Named[], string])[] = [
    ["nothing of nothing", [], ""],
    [
      "the one with the fewest connections",
      [
        candidate("a", "ready", { connectionCount: 2 }),
        candidate("b", "ready", { connectionCount: 1 }),
      ],
      "b a",
    ],
    [
      "of equals the one that waited longest",
      [candidate("a", "ready", { lastChosen: 7 }), candidate("b", "ready", { lastChosen: 3 })],
      "b a",
    ],
    [
      "the ready one, however many connections it has",
      [candidate("a", "not-ready"), candidate("b", "ready", { connectionCount: 900 })],
      "b a",
    ],
    [
      "one that was never asked before one that took no connection",
      [candidate("a", "ready", { isSuspect: true }), candidate("b", "unknown")],
      "b a",
    ],
    [
      "one that is ready and had one bad check as if it had none",
      [candidate("a", "ready", { againstCount: 1 }), candidate("b", "ready", { lastChosen: 1 })],
      "a b",
    ],
    ["no server that is gone", [candidate("a", "unreachable")], ""],
    [
      "one that is coming back rather than none",
      [candidate("a", "unreachable", { againstCount: 1 }), candidate("b", "unreachable")],
      "a",
    ],
    ["one that is not ready rather than none", [candidate("a", "not-ready")], "a"],
  ];
  for (const [name, candidates, wanted] of cases) {
    it(`takes ${name}`, () => {
      const order = inOrderOfChoice(candidates).map((chosen) => chosen.name);
      assert.equal(order.join(" "), wanted);
    });
  }
});

describe("backendsOf()", () => {
  const refused: readonly (readonly [string, readonly string[], RegExp])[] = [
    ["an empty list", [], /^the list of servers is empty: a balancer without servers would/],
    ["what is no address", ["10.0.0.1:7440"], /^"10.0.0.1:7440" is no server's address/],
    ["another protocol", ["ftp://10.0.0.1"], /is no server's address/],
    ["port 0", ["https://10.0.0.1:0"], /has port 0/],
    ["a host that would add to a file", ["https://a%0ab:1"], /is no server's address/],
    [
      "more than a hundred",
      Array.from({ length: 101 }, (_, n) => `https://h${n}`),
      /more than 100/,
    ],
  ];
  for (const [name, urls, words] of refused) {
    it(`refuses ${name}`, () => {
      const backends = backendsOf(urls.map((url) => ({ url })));
      assert.ok(!backends.ok);
      assert.match(backends.error, words);
    });
  }

  it("takes addresses of all kinds, doubles once, and gives each a label of its own", () => {
    const backends = backendsOf([
      { id: "7", name: "alpha", url: "https://10.0.0.1:7440/" },
      { id: "7", name: "be\nta", url: "https://[2001:db8::1]:7440" },
      { id: "1\nevil", url: "https://c.example" },
      { url: "http://10.0.0.4" },
      { url: "https://10.0.0.1:7440" },
    ]);
    assert.ok(backends.ok);
    assert.deepEqual(
      backends.value.map((is) => `${is.label} ${is.name} ${is.scheme} ${is.address} ${is.host}`),
      [
        "server-7 alpha https 10.0.0.1:7440 10.0.0.1",
        "server-7-2 be?ta https [2001:db8::1]:7440 2001:db8::1",
        "server-x server-x https c.example:443 c.example",
        "server-4 server-4 http 10.0.0.4:80 10.0.0.4",
      ],
    );
  });
});
