/** The page of a service's fields says what the schemas and the command line say. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Command } from "commander";
import { writeDuration, writeSize } from "../../src/cli/format/quantity.ts";
import { addServiceFlags } from "../../src/cli/input/service-flags.ts";
import { serviceConfigSchema } from "../../src/wire/service-config.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/guide/services.md"), "utf8");

/** Fields without a default that a service may have all the same. */
const optional = ["description", "group", "limits", "node"];
const optionalOfProcess = ["process.user", "process.workingDirectory"];
/** What a check is made of is told in words beside its kind. */
const ofOneKind = new Set(["process.health.url"]);

/** Each field of a row, with its default as the page has it. */
function rowsOfPage(): ReadonlyMap<string, string> {
  const rows = [...page.matchAll(/^\| (`[^|]+) \|[^|]*\| ([^|]+) \|/gm)];
  return new Map(
    rows.flatMap(([, fields = "", written = ""]) =>
      [...fields.matchAll(/`([^`]+)`/g)].map(([, field = ""]) => [field, written.trim()]),
    ),
  );
}

/** A value as the page writes it. */
function writtenOf(field: string, value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.join(", ");
  if (typeof value !== "number") return `\`${String(value)}\``;
  if (/Ms(Max)?$/.test(field)) return `\`${writeDuration(value)}\``;
  return `\`${/bytes/i.test(field) ? writeSize(value) : value}\``;
}

/** All leaves; an empty object is one. */
function leavesOf(value: object, before = ""): readonly (readonly [string, unknown])[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const field = `${before}${key}`;
    const isGroup = typeof inner === "object" && inner !== null && !Array.isArray(inner);
    if (!isGroup) return [[field, inner] as const];
    return Object.keys(inner).length === 0 ? [[field, []] as const] : leavesOf(inner, `${field}.`);
  });
}

test("docs/guide/services.md has every field of a service with its default", () => {
  const health = { kind: "http", url: "http://127.0.0.1/" } as const;
  const config = serviceConfigSchema.parse({ id: "process:a", process: { command: "a", health } });
  const expected = new Map<string, string>(
    leavesOf(config)
      .filter(([field]) => field !== "id" && !ofOneKind.has(field))
      .map(([field, value]) => [field, writtenOf(field, value)]),
  );
  for (const field of [...optional, ...optionalOfProcess]) expected.set(field, "none");
  expected.set("process.command", "must be given");
  expected.set("process.health.kind", "none");
  assert.deepEqual(
    [...rowsOfPage()].sort(([left], [right]) => (left < right ? -1 : 1)),
    [...expected].sort(([left], [right]) => (left < right ? -1 : 1)),
  );
});

test("docs/guide/services.md has every flag of service add, and no other", () => {
  const command = new Command();
  addServiceFlags(command);
  const flags = command.options.map(({ long }) => long ?? "");
  const tables = page.slice(page.indexOf("## The service"));
  const told = [...tables.matchAll(/`(--[a-z-]+)/g)].map(([, flag = ""]) => flag);
  assert.deepEqual([...new Set(told)].sort(), flags.sort());
});
