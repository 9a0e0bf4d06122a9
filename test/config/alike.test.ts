/** What is said of several servers: whether they run the same version with the same configuration. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Alike, alikeOf } from "../../src/server/own-config/alike.ts";
import { createTables } from "../../src/server/view/view-tables.ts";
import type { ServerResource } from "../../src/wire/servers.ts";

interface Server {
  readonly version?: string;
  readonly logLevel?: string;
  readonly settingsRevision?: number;
  /** It does not answer; the version is the one in its record. */
  readonly isSilent?: true;
}

const names = ["one", "two", "three"];

function alike(...servers: readonly Server[]): Alike {
  const tables = createTables();
  const lines = servers.map((server, index): ServerResource => {
    const { version = "0.1.0", logLevel = "info", settingsRevision = 7, isSilent } = server;
    const [id, name] = [String(index + 1), names[index] ?? ""];
    const record = {
      ...{ version: 1, id, name, url: "https://localhost:1", serverVersion: version },
      registeredAtMs: 0,
    };
    const config = {
      ...{ version: 1, id, name, sources: {}, pending: {} },
      values: { id, name, logLevel, logFormat: "json" },
    };
    const entry = { modRevision: 1, createRevision: 1, version: 1, leaseId: undefined };
    tables.put({ ...entry, key: `servers/${id}`, value: record });
    tables.put({ ...entry, key: `server-configs/${id}`, value: config });
    const common = { id, name, url: record.url, isManager: false } as const;
    return isSilent === true
      ? { ...common, role: "error", health: "unreachable" }
      : { ...common, role: "follower", health: "ok", version, settingsRevision };
  });
  return alikeOf(lines, tables);
}

const table: readonly (readonly [string, readonly Server[], Alike])[] = [
  [
    "one server",
    [{}],
    { versions: true, configuration: true, sentences: ["the one server runs 0.1.0"] },
  ],
  [
    "three alike",
    [{}, {}, {}],
    {
      versions: true,
      configuration: true,
      sentences: ["all 3 servers run 0.1.0 with the same configuration"],
    },
  ],
  [
    "one that logs more",
    [{}, { logLevel: "debug" }, {}],
    {
      versions: true,
      configuration: false,
      sentences: [
        "all 3 servers run 0.1.0 with different configurations",
        "logLevel differs: info (one, three), debug (two)",
      ],
    },
  ],
  [
    "one that is upgraded",
    [{}, {}, { version: "0.2.0" }],
    {
      versions: false,
      configuration: true,
      sentences: [
        "the servers run different versions, with the same configuration: 0.1.0 (one, two), 0.2.0 (three)",
      ],
    },
  ],
  [
    "versions that do not work together",
    [{}, { version: "0.3.0" }],
    {
      versions: false,
      configuration: true,
      sentences: [
        "the servers run different versions, with the same configuration: 0.1.0 (one), 0.3.0 (two)",
        'server "one" is of version 0.1.0, and server "two" of 0.3.0: servers work together when they are one minor version apart at most',
      ],
    },
  ],
  [
    "one that is behind",
    [{ settingsRevision: 9 }, { settingsRevision: 9 }, { settingsRevision: 8 }],
    {
      versions: true,
      configuration: false,
      sentences: [
        "all 3 servers run 0.1.0 with different configurations",
        "three has not seen the latest settings of the cluster yet",
      ],
    },
  ],
  [
    "one that is silent",
    [{}, { isSilent: true }, {}],
    {
      versions: true,
      configuration: true,
      sentences: [
        "all 3 servers run 0.1.0 with the same configuration",
        "two does not answer: what was told last counts",
      ],
    },
  ],
];

for (const [criterion, servers, expected] of table) {
  test(`alikeOf() of ${criterion}`, () => {
    assert.deepEqual(alike(...servers), expected);
  });
}
