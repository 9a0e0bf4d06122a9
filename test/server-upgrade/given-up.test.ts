/**
 * The only server of its store, which migrates when the new version starts: what becomes of it when that version ends again
 * and again, takes long, or is taken back before the upgrade's own step `migrate`.
 */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import {
  openWorkshop,
  type PackageWorkshop,
  type TestPackage,
} from "../agent-upgrade/support/packages.ts";
import { answerOf, until } from "../support/control-plane.ts";
import {
  migrationFile,
  openSchemaWorkshop,
  type Patch,
  schemaAfter,
} from "./support/schema-package.ts";
import { Upgrading } from "./support/upgrading.ts";
import { type ServerWorld, startServerWorld } from "./support/world.ts";

/** Each time that it goes through the store it stays so long with this service. */
const slow = { id: "process:slow", ms: 10_000 };
/** The other version ends once the store has its schema, as long as there is a file beside its data. */
const patches: readonly Patch[] = [
  {
    file: "src/setup/run-server.ts",
    find: "  const ready = await waitForSchema(parts, engine);\n",
    replace: `  const ready = await waitForSchema(parts, engine);
  const crash = \`\${parts.options.dataDirectory}.crash\`;
  if (process.getBuiltinModule("node:fs").existsSync(crash)) process.exit(7);
`,
  },
  {
    file: migrationFile,
    find: "    const { key, value } = entry;\n",
    replace: `    const { key, value } = entry;
    if (key === "services/${slow.id}") {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${slow.ms});
    }
`,
  },
];

/** Agents can bear the silence for less time than the migration takes. */
const hurriedMs = 8_000;
const hurried: Patch = {
  file: "src/core/upgrade/dark.ts",
  find: "export const darkMsMax = 180_000;",
  replace: `export const darkMsMax = ${hurriedMs};`,
};

const rest = { id: "process:rest", state: "stopped" as const, process: { command: "true" } };

describe("the only server, whose new version has another schema", () => {
  let old: PackageWorkshop;
  let installed: TestPackage;
  before(async () => {
    old = await openWorkshop();
    installed = old.make("0.1.0");
  });
  after(() => old.remove());

  /** A server of 0.1.0 with one service, which has the package of 0.2.0. */
  const withWorld = async (
    workshop: PackageWorkshop,
    use: (world: ServerWorld, next: TestPackage) => Promise<void>,
  ): Promise<void> => {
    const world = await startServerWorld({ engine: "embedded", servers: 1, installed });
    try {
      const next = workshop.make("0.2.0");
      await world.push(next);
      answerOf(await world.controlPlane.client().addService(rest));
      await use(world, next);
    } catch (error: unknown) {
      const words = error instanceof Error ? error.stack : String(error);
      throw new Error(`${words}\n${world.controlPlane.logTails()}`);
    } finally {
      await world.stop();
      workshop.remove();
    }
  };
  const storedSchema = async ({ controlPlane }: ServerWorld): Promise<number> =>
    answerOf(await controlPlane.client().storeSchema()).stored;
  const listed = async ({ controlPlane }: ServerWorld) =>
    answerOf(await controlPlane.client().services()).items.map(({ id, config }) => ({
      id,
      config,
    }));

  test("that version ends three times after it has migrated: the old one serves the data of before", {
    timeout: 300_000,
  }, async () => {
    await withWorld(await openSchemaWorkshop("stop-all", patches), async (world) => {
      const upgrading = new Upgrading(world);
      const client = world.controlPlane.client();
      const crash = `${world.server.dataDirectory}.crash`;
      const data = await listed(world);
      const fail = async (begin: () => Promise<void>): Promise<void> => {
        writeFileSync(crash, "");
        await begin();
        const { detail } = await upgrading.untilState("failed", "done");
        assert.match(
          detail,
          /^switch 1: server 1 .*: version 0\.2\.0 ended before it was healthy \(exit code 7\)/,
        );
        rmSync(crash);
        await upgrading.assertAll("0.1.0");
        assert.equal(await storedSchema(world), 1);
        assert.deepEqual(await listed(world), data);
        assert.match(world.server.log, /the store has schema 1 again/);
      };
      await fail(() => upgrading.apply({ to: "0.2.0" }));
      await upgrading.order("abort");
      await upgrading.untilEnds("aborted");
      answerOf(await client.changeService(rest.id, { description: "usable" }));
      data.splice(0, data.length, ...(await listed(world)));
      await fail(() => upgrading.apply({ to: "0.2.0" }));
      await upgrading.order("resume");
      await upgrading.untilEnds("done");
      await upgrading.assertAll("0.2.0");
      assert.equal(await storedSchema(world), schemaAfter);
      assert.deepEqual(await listed(world), data);
      answerOf(await client.changeService(rest.id, { description: "usable still" }));
    });
  });

  test("a migration that takes longer than a trial is no hang", { timeout: 300_000 }, async () => {
    await withWorld(await openSchemaWorkshop("stop-all", patches), async (world, next) => {
      const { server } = world;
      answerOf(await world.controlPlane.client().addService({ ...rest, id: slow.id }));
      const { version, sha256 } = next;
      await world.order(server, {
        ...{ id: "o1", order: "switch", package: { version, sha256 } },
        healthyWithinMs: 1.5 * slow.ms, // it goes through the store twice
      });
      await until("it to hand over", () => server.log.includes("hands over to version 0.2.0"));
      await world.untilVersion(server, "0.2.0");
      assert.equal(await storedSchema(world), schemaAfter);
      const trial = () => world.trial(server);
      await until("the trial to be over", () => trial()?.phase !== "trying");
      assert.deepEqual([trial()?.phase, trial()?.attempts], ["good", 1], server.log);
    });
  });

  test("a migration for which agents cannot wait is given up and taken back: the old version serves", {
    timeout: 300_000,
  }, async () => {
    const workshop = await openSchemaWorkshop("stop-all", [...patches, hurried]);
    await withWorld(workshop, async (world) => {
      const upgrading = new Upgrading(world);
      const client = world.controlPlane.client();
      answerOf(await client.addService({ ...rest, id: slow.id }));
      const data = await listed(world);
      await upgrading.apply({ to: "0.2.0" });
      const { detail } = await upgrading.untilState("failed", "done");
      assert.match(
        detail,
        /cannot bring the store from schema 1 to 2: it was not done 8 s after this server was told/,
      );
      await upgrading.assertAll("0.1.0");
      assert.equal(await storedSchema(world), 1);
      assert.deepEqual(await listed(world), data);
      await upgrading.order("abort");
      await upgrading.untilEnds("aborted");
      answerOf(await client.changeService(rest.id, { description: "usable" }));
    });
  });

  test("rolling: taken back before the step migrate, what people have written since stays", {
    timeout: 300_000,
  }, async () => {
    await withWorld(await openSchemaWorkshop("rolling"), async (world) => {
      const upgrading = new Upgrading(world);
      const client = world.controlPlane.client();
      answerOf(await client.addService({ ...rest, id: "process:other" }));
      await upgrading.apply({ to: "0.2.0", strategy: "rolling", pauseAfter: ["switch"] });
      await upgrading.untilEnds("paused");
      await upgrading.assertAll("0.2.0");
      assert.equal(await storedSchema(world), schemaAfter, "it has migrated at its start");
      answerOf(await client.changeService(rest.id, { description: "acknowledged" }));
      answerOf(await client.addService({ ...rest, id: "process:late" }));
      const data = await listed(world);
      await upgrading.order("abort");
      await upgrading.untilEnds("aborted");
      await upgrading.assertAll("0.1.0");
      assert.equal(await storedSchema(world), 1);
      assert.deepEqual(await listed(world), data);
      assert.match(JSON.stringify(data), /acknowledged.*process:late|process:late.*acknowledged/);
      answerOf(await client.changeService(rest.id, { description: "usable" }));
    });
  });
});
