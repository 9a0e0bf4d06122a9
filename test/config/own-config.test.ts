/** What a server has of its own: in which order values count, and what becomes of a change. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  type GivenConfig,
  type OwnConfig,
  openOwnConfig,
} from "../../src/server/own-config/own-config.ts";
import type { ConfigSource } from "../../src/wire/control-plane/server-config.ts";
import { temporaryDirectory } from "../server/harness.ts";

function given(level: string, source: ConfigSource): GivenConfig {
  return {
    logLevel: { value: level, source },
    logFormat: { value: "json", source: "default" },
    fixed: { id: { value: "1", source: "identity" } },
  };
}

async function open(directory: string, config: GivenConfig): Promise<OwnConfig> {
  const opened = await openOwnConfig(directory, config);
  if (!opened.ok) throw new Error(opened.error);
  return opened.value;
}

const places: readonly (readonly [ConfigSource, set: "debug" | undefined, string, ConfigSource])[] =
  [
    ["default", undefined, "warn", "default"],
    ["file", undefined, "warn", "file"],
    ["default", "debug", "debug", "set"],
    ["file", "debug", "debug", "set"],
    ["environment", "debug", "warn", "environment"],
    ["flag", "debug", "warn", "flag"],
  ];

for (const [source, set, value, from] of places) {
  test(`OwnConfig with a ${source} and ${set ?? "nothing"} set has the value ${value}`, async (t) => {
    const directory = await temporaryDirectory(t);
    const first = await open(directory, given("warn", source));
    if (set !== undefined) assert.ok((await first.change({ logLevel: set })).ok);
    for (const config of [first, await open(directory, given("warn", source))]) {
      assert.equal(config.inForce.logLevel, value);
      assert.equal(config.shown().sources["logLevel"], from);
    }
  });
}

test("OwnConfig.change() takes up at once what it can, and the rest with the next start", async (t) => {
  const directory = await temporaryDirectory(t);
  const config = await open(directory, given("info", "default"));
  const heard: string[] = [];
  config.onChange(({ logLevel, logFormat }) => heard.push(`${logLevel} ${logFormat}`));
  assert.ok((await config.change({ logLevel: "debug", logFormat: "text" })).ok);
  assert.deepEqual(heard, ["debug json"]);
  assert.deepEqual(config.shown(), {
    values: { id: "1", logLevel: "debug", logFormat: "json" },
    sources: { id: "identity", logLevel: "set", logFormat: "set" },
    pending: { logFormat: "text" },
  });
  const next = await open(directory, given("info", "default"));
  assert.deepEqual(next.inForce, { logLevel: "debug", logFormat: "text" });
  assert.deepEqual(next.shown().pending, {});
  assert.ok((await next.change({ logLevel: null })).ok);
  assert.equal(next.shown().values["logLevel"], "info");
  assert.equal(next.shown().sources["logLevel"], "default");
});

test("OwnConfig keeps what was set for its owner only, and says when the file is damaged", async (t) => {
  const directory = await temporaryDirectory(t);
  const config = await open(directory, given("info", "default"));
  assert.ok((await config.change({ logLevel: "warn" })).ok);
  const path = join(directory, "server-settings.json");
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), { logLevel: "warn" });
  for (const text of ["{", '{"logLevel":"loud"}', '{"id":"2"}']) {
    writeFileSync(path, text);
    const opened = await openOwnConfig(directory, given("info", "default"));
    assert.match(
      opened.ok ? "" : opened.error,
      /server-settings\.json" is not what holdfast writes/,
    );
  }
});

test("OwnConfig.change() that cannot be kept changes nothing", async (t: TestContext) => {
  const directory = await temporaryDirectory(t);
  const config = await open(directory, given("info", "default"));
  mkdirSync(join(directory, "server-settings.json.new")); // no file can be made there
  const changed = await config.change({ logLevel: "debug" });
  assert.match(changed.ok ? "" : changed.error, /cannot write .*server-settings\.json/);
  assert.equal(config.inForce.logLevel, "info");
  assert.equal(config.shown().sources["logLevel"], "default");
});
