import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { buildAll } from "../../tools/build.ts";
import { makeCheckout } from "./checkout.ts";

const entryPoints = { main: "src/main.ts", guard: "src/guard.ts" };

function checkout(t: TestContext, files: Readonly<Record<string, string>> = {}): string {
  return makeCheckout(t, {
    "package.json": '{"type":"module"}',
    "src/main.ts":
      'import { two } from "./shared.ts";\nimport { three } from "common";\nconsole.log(two + three);\n',
    "src/guard.ts": 'import { two } from "./shared.ts";\nconsole.log(two);\n',
    "src/shared.ts": "export const two: number = 2;\n",
    "node_modules/common/package.json":
      '{"name":"common","version":"1.2.3","license":"MIT","main":"index.js"}',
    "node_modules/common/index.js": 'exports.three = require("node:path").sep === "/" ? 3 : 0;\n',
    "node_modules/common/LICENSE": "Do as you like.\n",
    ...files,
  });
}

function output(root: string, name: string): string {
  return spawnSync(process.execPath, [join(root, "dist", name)], { encoding: "utf8" }).stdout;
}

test("buildAll() bundles each entry point, CommonJS packages included, so that it runs alone", async (t) => {
  const root = checkout(t);
  await buildAll({ root, entryPoints });
  assert.equal(output(root, "main.js"), "5\n");
  assert.equal(output(root, "guard.js"), "2\n");
});

test("buildAll() writes the licence of what it bundled and of nothing else", async (t) => {
  const root = checkout(t, {
    "node_modules/unused/package.json": '{"name":"unused","version":"1.0.0"}',
  });
  await buildAll({ root, entryPoints });
  const text = readFileSync(join(root, "dist/THIRD-PARTY-LICENSES.txt"), "utf8");
  assert.match(text, /common 1\.2\.3\n\nLicense: MIT\n\nDo as you like\./);
  assert.doesNotMatch(text, /unused/);
});

test("buildAll() refuses a package without a licence and leaves dist as it was", async (t) => {
  const root = checkout(t, {
    "node_modules/common/package.json": '{"name":"common","version":"1.2.3","main":"index.js"}',
  });
  await assert.rejects(buildAll({ root, entryPoints }), /package "common" names no licence/);
  assert.equal(existsSync(join(root, "dist")), false);
});

test("buildAll() keeps chunks of today's builds for running processes and removes older ones", async (t) => {
  const root = checkout(t, { "dist/chunk-OLD.js": "", "dist/chunk-TODAY.js": "" });
  utimesSync(join(root, "dist/chunk-OLD.js"), 1_000, 1_000);
  await buildAll({ root, entryPoints });
  const names = readdirSync(join(root, "dist"));
  assert.equal(names.includes("chunk-OLD.js"), false);
  assert.equal(names.includes("chunk-TODAY.js"), true);
});

test("buildAll() removes all that earlier builds left when nothing is to be kept", async (t) => {
  const root = checkout(t, { "dist/chunk-TODAY.js": "", "dist/other.js": "" });
  await buildAll({ root, entryPoints, keep: "none" });
  const names = readdirSync(join(root, "dist")).filter((name) => !/^chunk-\w{8}\.js$/.test(name));
  assert.deepEqual(names.sort(), ["THIRD-PARTY-LICENSES.txt", "guard.js", "main.js"]);
});
