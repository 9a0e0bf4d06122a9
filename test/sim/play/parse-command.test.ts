import assert from "node:assert/strict";
import { test } from "node:test";
import type { PlayCommand } from "../../../src/sim/play/command.ts";
import { deedText } from "../../../src/sim/play/deed-text.ts";
import { commandForms } from "../../../src/sim/play/words/forms-table.ts";
import { completionsOf, parseCommand } from "../../../src/sim/play/words/parse-command.ts";
import { createPlayer, say } from "./support.ts";

const player = createPlayer();
const { names } = player;

function read(line: string): PlayCommand | undefined {
  const command = parseCommand(line, names);
  assert.ok(command.ok, command.ok ? "" : command.error);
  return command.value;
}

function faultOf(line: string): string {
  const command = parseCommand(line, names);
  assert.ok(!command.ok, `"${line}" was understood`);
  return command.error;
}

test("parseCommand takes whole ids, names without type, and beginnings that one alone has", () => {
  for (const name of ["process:postgres", "postgres", "post", "process:p"]) {
    assert.deepEqual(read(`stop ${name}`), {
      kind: "act",
      action: { kind: "request", service: "process:postgres", state: "stopped" },
    });
  }
});

test("parseCommand takes no line and comments for nothing", () => {
  for (const line of ["", "   ", "# power node1 off"]) assert.equal(read(line), undefined);
  assert.deepEqual(read("  pause   # now"), { kind: "pause" });
});

const faults: readonly (readonly [string, RegExp])[] = [
  ["powr node1 off", /no command "powr"; did you mean power\?/],
  ["frobnicate", /help lists all commands/],
  ["power", /write: power NODE on\|off/],
  ["power node9 off", /no node "node9"; there are: node1, node2, node3/],
  ["power node1 up", /write: power NODE on\|off/],
  ["power node1 off now", /write: power NODE on\|off/],
  ["start web", /"web" could be process:web-a, process:web-b/],
  ["start nothing", /no service "nothing"; there are: process:postgres/],
  ["run 20", /20 has no unit: write e\.g\. 20s/],
  ["speed fast", /"fast" is no number/],
  ["crash", /crash agent\|server NODE, or: crash manager/],
  ["store broken", /ok\|unavailable\|slow\|read-only/],
  [`why ${"x".repeat(600)}`, /longer than 500/],
];
for (const [line, why] of faults) {
  test(`parseCommand says what is wrong with "${line.slice(0, 30)}"`, () => {
    assert.match(faultOf(line), why);
  });
}

test("every form is understood as it is shown, and every deed reads as it can be typed", () => {
  const examples: Readonly<Record<string, string>> = {
    NODE: "node2",
    SERVICE: "vm:mail",
    DURATION: "5s",
    NUMBER: "10",
    FILE: "play.yaml",
  };
  for (const { pattern } of commandForms) {
    const optional = pattern.replaceAll(/[[\]]/g, "");
    const words = optional.split(" ").map((word) => (examples[word] ?? word).split("|"));
    const longest = Math.max(...words.map((choices) => choices.length));
    for (let index = 0; index < longest; index += 1) {
      const line = words.map((choices) => choices[index % choices.length]).join(" ");
      const command = read(line);
      assert.ok(command !== undefined, line);
      if (command.kind !== "act") continue;
      assert.deepEqual(read(deedText(command.action)), command, line);
    }
  }
});

test("completionsOf continues commands, nodes and services", () => {
  assert.deepEqual(completionsOf("mig", names), ["migrate"]);
  assert.deepEqual(completionsOf("power ", names), ["node1", "node2", "node3"]);
  assert.deepEqual(completionsOf("power node1 o", names), ["off", "on"]);
  assert.deepEqual(completionsOf("why pos", names), ["postgres"]);
  assert.deepEqual(completionsOf("migrate vm:mail ", names), ["node1", "node2", "node3"]);
  assert.deepEqual(completionsOf("quit ", names), []);
  assert.ok(completionsOf("", names).includes("power"));
});

test("names know a cluster as soon as it is there", () => {
  assert.equal(say(player, "why vm:mail").kind, "refused"); // no manager yet
});
