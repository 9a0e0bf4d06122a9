/** The checker that the fault tests rely on: it must accept what is right and find what was planted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { randomFrom, testSeed } from "../random.ts";
import { isLinearizableByForce } from "./brute-force.ts";
import { assertLinearizable, checkHistory } from "./check.ts";
import type { Action, KeyValue, Operation } from "./operation.ts";

/** `[process, from, to, action]`; `to` undefined: unknown outcome. */
type Row = readonly [string, number, number | undefined, Action];

const read = (value: KeyValue): Action => ({ kind: "read", value });
const write = (value: KeyValue): Action => ({ kind: "write", value });
const cas = (expected: KeyValue, value: KeyValue, succeeded = true): Action => {
  return { kind: "compare-and-set", expected, value, succeeded };
};
const txn = (
  expected: KeyValue,
  then: KeyValue,
  otherwise: KeyValue,
  succeeded: boolean,
): Action => {
  return {
    kind: "txn",
    expected,
    then: { value: then },
    otherwise: { value: otherwise },
    succeeded,
  };
};

function historyOf(rows: readonly Row[], key = "k"): readonly Operation[] {
  return rows.map(([process, invokedAtMs, returnedAtMs, action]) => {
    return { process, key, invokedAtMs, returnedAtMs, action };
  });
}

const good: readonly (readonly [string, readonly Row[]])[] = [
  ["nothing", []],
  ["a read of nothing", [["p", 0, 1, read(undefined)]]],
  [
    "one after the other",
    [
      ["p", 0, 1, write("a")],
      ["q", 2, 3, read("a")],
    ],
  ],
  [
    "a read at the same time sees the old value",
    [
      ["p", 0, 9, write("a")],
      ["q", 1, 2, read(undefined)],
    ],
  ],
  [
    "a read at the same time sees the new value",
    [
      ["p", 0, 9, write("a")],
      ["q", 1, 2, read("a")],
    ],
  ],
  [
    "two writes at once, read in either order",
    [
      ["p", 0, 9, write("a")],
      ["q", 0, 9, write("b")],
      ["r", 10, 11, read("a")],
    ],
  ],
  [
    "a write of unknown outcome that took effect much later",
    [
      ["p", 0, undefined, write("a")],
      ["q", 1, 2, write("b")],
      ["q", 3, 4, read("b")],
      ["q", 5, 6, read("a")],
    ],
  ],
  [
    "a write of unknown outcome that never took effect",
    [
      ["p", 0, undefined, write("a")],
      ["q", 1, 2, read(undefined)],
    ],
  ],
  [
    "a deletion",
    [
      ["p", 0, 1, write("a")],
      ["p", 2, 3, write(undefined)],
      ["q", 4, 5, read(undefined)],
    ],
  ],
  [
    "a chain of compare-and-set",
    [
      ["p", 0, 1, cas(undefined, "a")],
      ["q", 2, 3, cas("a", "b")],
      ["p", 4, 5, cas("a", "c", false)],
    ],
  ],
  [
    "a refusal that only an unread write of unknown outcome explains",
    [
      ["p", 0, 1, write("a")],
      ["q", 2, undefined, write("b")],
      ["p", 3, 4, cas("a", "c", false)],
    ],
  ],
  [
    "a transaction whose other branch was done",
    [
      ["p", 0, 1, write("a")],
      ["p", 2, 3, txn("b", "c", "d", false)],
      ["p", 4, 5, read("d")],
    ],
  ],
  [
    "the same value written twice",
    [
      ["p", 0, 9, write("a")],
      ["q", 0, 1, write("a")],
      ["q", 2, 3, write("b")],
      ["q", 4, 5, read("b")],
      ["q", 6, 7, read("a")],
    ],
  ],
  [
    "a compare-and-set of unknown outcome that was done",
    [
      ["p", 0, undefined, cas(undefined, "a", false)],
      ["q", 1, 2, read("a")],
    ],
  ],
];

/** With how many operations the violation can be shown. */
const bad: readonly (readonly [string, number, readonly Row[]])[] = [
  ["a value that nobody wrote", 1, [["p", 0, 1, read("a")]]],
  [
    "a stale read",
    2,
    [
      ["p", 0, 1, write("a")],
      ["q", 2, 3, read(undefined)],
    ],
  ],
  [
    "a lost write among much else",
    3,
    [
      ["p", 0, 1, write("x")],
      ["q", 0.5, 2, write("a")],
      ["r", 3, 4, read("a")],
      ["p", 5, 6, write("b")],
      ["r", 7, 8, read("b")],
      ["q", 9, 10, read("a")],
      ["p", 11, 12, write("c")],
      ["q", 13, 14, read("c")],
    ],
  ],
  [
    "a value that flickers",
    3,
    [
      ["p", 0, 9, write("a")],
      ["q", 1, 2, read("a")],
      ["q", 3, 4, read(undefined)],
    ],
  ],
  [
    "two that both changed the same value",
    2,
    [
      ["p", 0, 9, cas(undefined, "a")],
      ["q", 0, 9, cas(undefined, "b")],
    ],
  ],
  [
    "a write that was seen before it was asked for",
    2,
    [
      ["q", 0, 1, read("a")],
      ["p", 2, 3, write("a")],
    ],
  ],
  [
    "a refusal without a reason",
    2,
    [
      ["p", 0, 1, write("a")],
      ["p", 2, 3, cas("a", "b", false)],
    ],
  ],
  [
    "a write of unknown outcome that came back",
    4,
    [
      ["p", 0, undefined, write("a")],
      ["q", 1, 2, read("a")],
      ["q", 3, 4, write("b")],
      ["q", 5, 6, read("a")],
    ],
  ],
  [
    "a transaction that did both branches",
    3,
    [
      ["p", 0, 1, write("a")],
      ["p", 2, 3, txn("a", "b", "c", true)],
      ["q", 4, 5, read("c")],
    ],
  ],
];

for (const [name, rows] of good) {
  test(`checkHistory() accepts ${name}`, () => {
    assert(isLinearizableByForce(historyOf(rows)), "so does the dumb implementation");
    assert.equal(checkHistory(historyOf(rows)).kind, "linearizable");
  });
}

for (const [name, sizeMax, rows] of bad) {
  test(`checkHistory() finds ${name}, and shows it with ${sizeMax} operations`, () => {
    assert(!isLinearizableByForce(historyOf(rows)), "so does the dumb implementation");
    const verdict = checkHistory(historyOf(rows));
    assert(verdict.kind === "violation");
    assert(!isLinearizableByForce(verdict.operations), "the part is a violation itself");
    assert(verdict.operations.length <= sizeMax, verdict.words);
  });
}

test("checkHistory() says a violation in words, and which key it is", () => {
  const other = historyOf([["p", 0, 1, read(undefined)]], "other");
  const rows: readonly Row[] = [
    ["p1", 1, 2, write("a")],
    ["p2", 2.5, 4, read(undefined)],
  ];
  assert.throws(() => assertLinearizable([...other, ...historyOf(rows, "k7")]), {
    message: [
      'no order of these operations on "k7" explains what they returned:',
      '  p1 wrote "a", from 0.000 ms to 1.000 ms',
      "  p2 read (nothing), from 1.500 ms to 3.000 ms",
    ].join("\n"),
  });
});

test("checkHistory() begins with what the keys held", () => {
  const history = historyOf([["p", 0, 1, read("a")]]);
  assert.equal(checkHistory(history, { initial: new Map([["k", "a"]]) }).kind, "linearizable");
  assert.equal(checkHistory(history, { initial: new Map([["k", "b"]]) }).kind, "violation");
});

test("checkHistory() gives up in words when its time is over", () => {
  const rows = Array.from(
    { length: 12 },
    (_, index): Row => [`p${index}`, 0, 9, write(`${index}`)],
  );
  const history = historyOf([...rows, ["q", 10, 11, read("none")]]);
  assert.throws(
    () => assertLinearizable(history, { stepsMax: 100 }),
    /not decided after 100 steps/,
  );
});

function randomHistory(random: () => number): readonly Operation[] {
  const values = [undefined, "a", "b", "c"];
  const pick = <T>(items: readonly T[]): T => {
    const item = items[Math.floor(random() * items.length)];
    return item as T; // the list is not empty; `undefined` may be one of its items
  };
  const actions: readonly (() => Action)[] = [
    () => read(pick(values)),
    () => read(pick(values)),
    () => write(pick(values)),
    () => cas(pick(values), pick(values), random() < 0.6),
    () => txn(pick(values), pick(values), pick(values), random() < 0.5),
  ];
  const count = 2 + Math.floor(random() * 5);
  return Array.from({ length: count }, (_, index) => {
    const invokedAtMs = Math.floor(random() * 12);
    const returnedAtMs = random() < 0.2 ? undefined : invokedAtMs + 1 + Math.floor(random() * 5);
    return { process: `p${index}`, key: "k", invokedAtMs, returnedAtMs, action: pick(actions)() };
  });
}

test("checkHistory() agrees with the dumb implementation on random histories", () => {
  const seed = testSeed();
  console.log(`seed ${seed} (HOLDFAST_TEST_SEED)`);
  const random = randomFrom(seed);
  const counts = { linearizable: 0, violation: 0 };
  for (let round = 0; round < 20_000; round += 1) {
    const history = randomHistory(random);
    const verdict = checkHistory(history);
    const expected = isLinearizableByForce(history) ? "linearizable" : "violation";
    assert.equal(
      verdict.kind,
      expected,
      `seed ${seed}, round ${round}: ${JSON.stringify(history)}`,
    );
    counts[expected] += 1;
    if (verdict.kind !== "violation") continue;
    const text = `seed ${seed}, round ${round}: ${JSON.stringify(verdict.operations)}`;
    assert(!isLinearizableByForce(verdict.operations), `the part is a violation: ${text}`);
  }
  assert(counts.linearizable > 2_000 && counts.violation > 2_000, JSON.stringify(counts));
});

/** A linearizable history: each operation takes effect at a random moment of its span. */
function longHistory(random: () => number, count: number, keyCount: number): readonly Operation[] {
  const values = new Map<string, KeyValue>();
  const history: Operation[] = [];
  const processCount = 10;
  // Each process is busy from one operation to the next; their effects are ordered by time.
  const spans = Array.from({ length: count }, (_, index) => {
    const slot = Math.floor(index / processCount) * 10;
    const from = slot + random() * 4;
    const effect = from + random() * 3;
    return { process: `p${index % processCount}`, from, effect, to: effect + random() * 3, index };
  }).sort((a, b) => a.effect - b.effect);
  const unknown: { readonly process: string; readonly from: number; key: string; value: string }[] =
    [];
  for (const { process, from, to, index } of spans) {
    const key = `k${Math.floor(random() * keyCount)}`;
    const late = unknown.findIndex((each) => each.key === key && random() < 0.3);
    if (late >= 0) values.set(key, unknown.splice(late, 1)[0]?.value);
    const value = values.get(key);
    const kind = random();
    let action: Action = read(value);
    if (kind < 0.3) action = write(`v${index}`);
    else if (kind < 0.5) action = cas(value, `v${index}`);
    else if (kind < 0.55) action = cas("never", `v${index}`, false);
    if (action.kind === "write" && random() < 0.05) {
      unknown.push({ process, from, key, value: `v${index}` });
      history.push({ process, key, invokedAtMs: from, returnedAtMs: undefined, action });
      continue;
    }
    if (action.kind === "write") values.set(key, action.value);
    if (action.kind === "compare-and-set" && action.succeeded) values.set(key, action.value);
    history.push({ process, key, invokedAtMs: from, returnedAtMs: to, action });
  }
  return history;
}

test("checkHistory() judges 20,000 operations on 20 keys in seconds, good or with one stale read", () => {
  const seed = testSeed();
  const history = longHistory(randomFrom(seed), 20_000, 20);
  const startMs = performance.now();
  const verdict = checkHistory(history);
  const goodMs = performance.now() - startMs;
  assert.equal(verdict.kind, "linearizable", `seed ${seed}`);

  const reads = history.filter(({ action }) => action.kind === "read");
  const early = reads.find(({ action }) => action.kind === "read" && action.value !== undefined);
  assert(early?.action.kind === "read");
  const { action: stale, key } = early;
  const late = reads.findLast((each) => each.key === key);
  assert(late !== undefined && late !== early);
  const broken = history.map((each) => (each === late ? { ...each, action: stale } : each));
  const brokenStartMs = performance.now();
  const found = checkHistory(broken);
  const badMs = performance.now() - brokenStartMs;
  console.log(`seed ${seed}: good in ${goodMs.toFixed()} ms, bad in ${badMs.toFixed()} ms`);
  assert(found.kind === "violation" && found.key === key);
  assert(found.operations.length <= 10, found.words);
  assert(goodMs < 10_000 && badMs < 20_000, `${goodMs} ms, ${badMs} ms`);
});
