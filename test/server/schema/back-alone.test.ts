/** The only server of a store whose new version had migrated it: the version of before takes that back, and serves. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createMigrations } from "../../../src/core/migrations/create-migrations.ts";
import type { Migration, Migrations } from "../../../src/core/migrations/migration.ts";
import type { UpgradeState, UpgradeStrategy } from "../../../src/core/upgrade/model.ts";
import { newUpgrade } from "../../../src/core/upgrade/plan.ts";
import type { Store } from "../../../src/ports/store.ts";
import { jsonOf } from "../../../src/runtime/manager-records.ts";
import { openSchema, type SchemaOptions } from "../../../src/server/schema/open-schema.ts";
import { openSqliteStore } from "../../../src/stores/sqlite/sqlite-store.ts";
import { cutting, inOrder } from "../../migrations/support/cut-store.ts";
import { contentOf, exampleEntries, fill, storedValue } from "../../migrations/support/example.ts";
import { storeOf } from "../../support/store-of.ts";
import { clock, quietLog, temporaryDirectory } from "../harness.ts";

const entries = exampleEntries(400);
const before = inOrder(new Map(entries.map(({ key, value }) => [key, value])));

/** `plain/` gets another shape, unless it has it; `gone/` goes. */
function migrationsOf(strategy: UpgradeStrategy): Migrations {
  const step: Migration = {
    ...{ from: 1, to: 2, name: "shapes", rolling: strategy === "rolling" },
    migrate: ({ key, value }) => {
      if (key.startsWith("gone/")) return [];
      const isOld = key.startsWith("plain/") && !JSON.stringify(value).includes('"was"');
      return [{ key, value: isOld ? { version: 2, was: value } : value }];
    },
  };
  return createMigrations([step]);
}

interface Bench {
  readonly store: Store;
  /** The upgrade is in this state; its server was told to switch at `toldAtMs`, or was not yet. */
  upgrade(state: UpgradeState, toldAtMs?: number): Promise<void>;
  /** Opens the store as the old version; by default its launcher has given the new one up. */
  asOld(options?: Partial<SchemaOptions>): ReturnType<typeof openSchema>;
  /** Opens the store as the new version. */
  asNew(options?: Partial<SchemaOptions>): ReturnType<typeof openSchema>;
}

async function startBench(t: TestContext, strategy: UpgradeStrategy): Promise<Bench> {
  const opened = await openSqliteStore({
    file: join(await temporaryDirectory(t), "store.sqlite"),
    clock,
  });
  assert.ok(opened.ok);
  const store = opened.value;
  t.after(() => store.close());
  await fill(store, entries);
  const base = { store, clock, log: quietLog, check: () => undefined };
  const bench: Bench = {
    store,
    async upgrade(state, toldAtMs) {
      const order = {
        ...({ id: "u1", by: "ada", strategy, from: "0.1.0", to: { version: "0.2.0" } } as const),
        ...{ schema: { from: 1, to: 2 }, pauseAfter: [], startedAtMs: 1 },
      };
      const planned = newUpgrade(order, ["1"]);
      const steps = planned.steps.map((step) =>
        step.kind === "switch" && toldAtMs !== undefined
          ? { ...step, state: "running" as const, beganAtMs: toldAtMs }
          : step,
      );
      const value = jsonOf({ version: 1, ...planned, steps, state });
      await fill(store, [{ key: "system-upgrade", value }]);
    },
    asOld: (options) =>
      openSchema({
        ...{ ...base, version: "0.1.0", migrations: createMigrations([]) },
        wasGivenUp: ({ id, to }) => id === "u1" && to.version === "0.2.0",
        check: ({ value }) =>
          strategy === "stop-all" && JSON.stringify(value).includes('"was"')
            ? "is of another shape"
            : undefined,
        ...options,
      }),
    asNew: (options) =>
      openSchema({
        ...{ ...base, version: "0.2.0", migrations: migrationsOf(strategy) },
        saveBefore: () => Promise.resolve({ ok: true, value: "a file" }),
        ...options,
      }),
  };
  await bench.upgrade("running");
  return bench;
}

/** All but the upgrade itself. */
async function content(store: Store): Promise<ReadonlyMap<string, unknown>> {
  const all = new Map(await contentOf(store));
  all.delete("system-upgrade");
  return all;
}

async function schemaOf(store: Store): Promise<readonly unknown[]> {
  const record = await storedValue(store, "schema");
  assert.ok(typeof record === "object" && record !== null && !Array.isArray(record));
  const { schema, migratingTo, before: kept } = record as Record<string, unknown>;
  return [schema, migratingTo, kept];
}

for (const strategy of ["stop-all", "rolling"] as const) {
  for (const state of ["running", "paused", "failed"] as const) {
    test(`${strategy}, ${state}: what the new version had migrated before it was given up is taken back`, async (t) => {
      const { store, asNew, asOld, upgrade } = await startBench(t, strategy);
      assert.ok((await asNew()).ok);
      assert.equal((await schemaOf(store))[0], 2);
      assert.equal(await storedValue(store, "gone/00001"), undefined);
      await upgrade(state);
      const served = await asOld();
      assert.ok(served.ok && served.value.kind === "open", JSON.stringify(served));
      assert.deepEqual(await content(store), before);
      assert.deepEqual(await schemaOf(store), [1, undefined, undefined]);
      const again = await asOld();
      assert.ok(again.ok && again.value.kind === "open", "there is nothing more to do");
    });
  }

  test(`${strategy}: a migration that was cut off anywhere is taken back, and can be done again`, async (t) => {
    const { store, asNew, asOld } = await startBench(t, strategy);
    for (let until = 1; until < 8; until += 1) {
      for (const moment of ["before", "after"] as const) {
        const words = `${moment} transaction ${until}`;
        const end = new AbortController();
        const cut = cutting(store, until, moment, () => end.abort());
        await asNew({ store: cut, ...{ signal: end.signal } });
        const backEnd = new AbortController();
        const cutBack = cutting(store, until, moment, () => backEnd.abort());
        await asOld({ store: cutBack, ...{ signal: backEnd.signal } });
        const served = await asOld();
        assert.ok(served.ok && served.value.kind === "open", `${words} ${JSON.stringify(served)}`);
        assert.deepEqual(await content(store), before, words);
        assert.deepEqual(await schemaOf(store), [1, undefined, undefined], words);
        assert.equal(await storedValue(store, "migration"), undefined, words);
      }
    }
    assert.ok((await asNew()).ok, "an upgrade that is resumed");
    assert.equal((await schemaOf(store))[0], 2);
  });

  test(`${strategy}: without the launcher's word, or after the upgrade, the old version ends as ever`, async (t) => {
    const { store, asNew, asOld, upgrade } = await startBench(t, strategy);
    assert.ok((await asNew()).ok);
    const migrated = await content(store);
    const refused = /the store has schema 2 of holdfast 0\.2\.0, this is holdfast 0\.1\.0/;
    for (const options of [{ wasGivenUp: () => false }, { wasGivenUp: undefined }]) {
      const ended = await asOld(options);
      assert.ok(!ended.ok);
      assert.match(ended.error, refused);
    }
    for (const state of ["done", "aborted"] as const) {
      await upgrade(state);
      const ended = await asOld();
      assert.ok(!ended.ok, state);
      assert.match(ended.error, refused);
    }
    assert.deepEqual(await content(store), migrated, "nothing was touched");
  });
}

test("a rolling upgrade that is aborted keeps what was written since its start, and is refused by nothing (S6)", async (t) => {
  const { store, asNew, asOld, upgrade } = await startBench(t, "rolling");
  await fill(store, [{ key: "statuses/process:a", value: { version: 1 } }]);
  const migrations = createMigrations([
    {
      ...{ from: 1, to: 2, name: "statuses, too", rolling: true },
      migrate: ({ key, value }) => {
        const isOld = /^(plain|statuses)\//.test(key) && !JSON.stringify(value).includes('"was"');
        return [{ key, value: isOld ? { version: 2, was: value } : value }];
      },
    },
  ]);
  assert.ok((await asNew({ migrations })).ok);
  const since = [
    { key: "plain/00003", value: { version: 2, was: "acknowledged since" } },
    { key: "statuses/process:a", value: { version: 2, was: "decided since" } },
  ];
  await fill(store, since);
  await upgrade("aborting");
  const served = await asOld({ wasGivenUp: () => false });
  assert.ok(served.ok && served.value.kind === "open", JSON.stringify(served));
  const wanted = new Map([...before, ...since.map(({ key, value }) => [key, value] as const)]);
  assert.deepEqual(await content(store), inOrder(wanted));
  assert.deepEqual(await schemaOf(store), [1, undefined, undefined]);
});

test("a stop-all upgrade whose new version has decided something is not taken back over that (S1, S4)", async (t) => {
  const { store, asNew, asOld } = await startBench(t, "stop-all");
  await fill(store, [{ key: "statuses/process:a", value: { version: 1 } }]);
  const migrations = createMigrations([
    {
      ...{ from: 1, to: 2, name: "statuses", rolling: false },
      migrate: ({ key, value }) => [{ key, value: key.startsWith("statuses/") ? 2 : value }],
    },
  ]);
  assert.ok((await asNew({ migrations })).ok);
  await fill(store, [{ key: "statuses/process:a", value: 3 }]);
  const ended = await asOld();
  assert.ok(!ended.ok);
  assert.match(
    ended.error,
    /the new version has decided about statuses\/process:a since.*; start holdfast 0\.2\.0, or restore a backup$/,
  );
  assert.equal(await storedValue(store, "statuses/process:a"), 3);
});

test("a version that is started while somebody asks for the way back keeps what was before, too", async (t) => {
  const { store, asNew, asOld, upgrade } = await startBench(t, "stop-all");
  await upgrade("aborting");
  assert.ok((await asNew()).ok);
  assert.equal((await schemaOf(store))[0], 2);
  const served = await asOld({ wasGivenUp: () => false });
  assert.ok(served.ok && served.value.kind === "open", JSON.stringify(served));
  assert.deepEqual(await content(store), before);
});

test("each part of the way there and of the way back is told, and nothing where nothing is done", async (t) => {
  const { asNew, asOld } = await startBench(t, "stop-all");
  let count = 0;
  const onProgress = (): void => {
    count += 1;
  };
  const countIn = async (work: () => ReturnType<typeof openSchema>): Promise<number> => {
    count = 0;
    const done = await work();
    assert.ok(done.ok, JSON.stringify(done));
    return count;
  };
  assert.ok((await countIn(() => asNew({ onProgress }))) > 10);
  assert.equal(await countIn(() => asNew({ onProgress })), 0);
  assert.ok((await countIn(() => asOld({ onProgress }))) > 10);
  assert.equal(await countIn(() => asOld({ onProgress })), 0);
});

for (const strategy of ["stop-all", "rolling"] as const) {
  test(`${strategy}: on trial a migration is given up before agents stop their services, and is taken back`, async (t) => {
    const { store, asNew, asOld, upgrade } = await startBench(t, strategy);
    const toldAtMs = 1_000_000;
    await upgrade("running", toldAtMs);
    let wallMs = toldAtMs;
    const slowly = { ...clock, wallMs: () => wallMs };
    const slow: Store = {
      ...storeOf(store),
      txn: (txn) => {
        wallMs += 60_000;
        return store.txn(txn);
      },
    };
    const onTrial = { clock: slowly, isOnTrial: () => true };
    const late =
      /^cannot bring the store from schema 1 to 2: it was not done 180 s after this server was told/;
    const tries = [onTrial, onTrial]; // the launcher tries it more than once
    for (const options of tries) {
      const ended = await asNew({ ...options, store: slow });
      assert.ok(!ended.ok);
      assert.match(ended.error, late);
    }
    assert.ok(wallMs - toldAtMs < 220_000, `it went on until ${wallMs - toldAtMs} ms`);
    assert.notEqual(await storedValue(store, "migration"), undefined, "it was begun");
    const served = await asOld({ clock: slowly, store: slow });
    assert.ok(served.ok && served.value.kind === "open", "the way back takes as long as it takes");
    assert.deepEqual(await content(store), before);
    assert.deepEqual(await schemaOf(store), [1, undefined, undefined]);

    wallMs = toldAtMs;
    assert.ok((await asNew(onTrial)).ok, "one that is done in time stays");
    wallMs = toldAtMs + 3_600_000;
    assert.ok((await asNew(onTrial)).ok, "one that is done has no hurry");
  });
}

for (const [words, isOnTrial, toldAtMs] of [
  ["a version that a person has installed", false, 0],
  ["a version whose server was not told", true, undefined],
] as const) {
  test(`${words} takes as long as it takes for its migration`, async (t) => {
    const { asNew, upgrade, store } = await startBench(t, "stop-all");
    await upgrade("running", toldAtMs);
    const done = await asNew({ isOnTrial: () => isOnTrial });
    assert.ok(done.ok, JSON.stringify(done));
    assert.equal((await schemaOf(store))[0], 2);
  });
}

test("a store that does not answer is no progress", async (t) => {
  const { store, asNew, asOld } = await startBench(t, "stop-all");
  assert.ok((await asOld()).ok, "its schema is noted");
  let count = 0;
  const silent: Store = {
    ...storeOf(store),
    range: () =>
      Promise.resolve({
        ok: false,
        error: { kind: "unavailable", message: "no answer", mayHaveTakenEffect: false },
      }),
  };
  const failed = await asNew({
    store: silent,
    saveBefore: async (given) => {
      await given.range("");
      return { ok: false, error: "no backup" };
    },
    onProgress: () => {
      count += 1;
    },
  });
  assert.ok(!failed.ok);
  assert.equal(count, 1, "the migration's record alone was read");
});
