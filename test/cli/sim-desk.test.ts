/** What a person at a terminal sees and presses, without a terminal. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { coloursOf } from "../../src/cli/format/colours.ts";
import { textWidth } from "../../src/cli/format/text-width.ts";
import { Desk } from "../../src/cli/play/desk.ts";
import { drawFrame, type FrameSize } from "../../src/cli/play/draw-frame.ts";
import { keyBindings } from "../../src/cli/play/key-bindings-table.ts";
import type { Plan } from "../../src/sim/plan.ts";
import { examplePlan } from "../../src/sim/play/example.ts";
import { Player } from "../../src/sim/play/player.ts";

const plain = coloursOf({ write: () => true }, {});
const usual: FrameSize = { columnCount: 110, rowCount: 30 };

function createDesk(saved: { file: string; plan: Plan }[] = []): Desk {
  const player = new Player(examplePlan(1));
  player.execute({ kind: "run", forMs: 20_000 });
  return new Desk({
    player,
    save: (file, plan) => {
      saved.push({ file, plan });
      return { ok: true, value: `saved ${file}` };
    },
  });
}

/** Presses keys by their names, or types characters. */
function press(desk: Desk, ...keys: readonly string[]): void {
  for (const key of keys) {
    const isCharacter = key.length === 1;
    const name = /^[a-z]$/i.test(key) ? key.toLowerCase() : isCharacter ? undefined : key;
    desk.press({ name, ctrl: false, text: isCharacter ? key : undefined });
  }
}

function type(desk: Desk, line: string): void {
  press(desk, ":", ...line, "return");
}

function seen(desk: Desk, size = usual): string {
  return drawFrame(desk, size, plain).lines.join("\n");
}

const sizes: readonly (readonly [number, number])[] = [
  [200, 60],
  [110, 30],
  [80, 24],
  [60, 18],
  [40, 12],
  [20, 6],
  [10, 3],
  [5, 1],
];
for (const [columnCount, rowCount] of sizes) {
  test(`drawFrame fills ${columnCount} x ${rowCount} exactly, whatever is shown`, () => {
    const desk = createDesk();
    const size = { columnCount, rowCount };
    const check = (): void => {
      const { lines } = drawFrame(desk, size, plain);
      assert.equal(lines.length, rowCount);
      for (const line of lines) assert.ok(textWidth(line) <= columnCount, line);
    };
    check();
    press(desk, "?");
    check();
    press(desk, "?");
    check();
    press(desk, "x");
    type(desk, "why shop");
    check();
    press(desk, ":", ..."power node1 off");
    check();
  });
}

test("drawFrame leaves out the least important columns of a narrow terminal", () => {
  const desk = createDesk();
  assert.match(seen(desk), /NODE +STATE +POWER +NETWORK +LEASE +WATCHDOG +AGENT +SERVER +RUNS/);
  const narrow = seen(desk, { columnCount: 50, rowCount: 30 });
  assert.match(narrow, /NODE +STATE +POWER/);
  assert.doesNotMatch(narrow, /SERVER/);
});

test("keys act on the selected node or service", () => {
  const desk = createDesk();
  press(desk, "down", "p");
  assert.match(seen(desk), /^>node2 +\S+ +off/m);
  press(desk, "up", "up");
  assert.match(seen(desk), /^>vm:mail/m, "above the first line is the last one");
  press(desk, "x");
  assert.match(seen(desk), /^>vm:mail +\S+ +node3 .* stopped /m);
});

test("a migration waits for its node, and any other key leaves it", () => {
  const desk = createDesk();
  press(desk, "up", "m");
  assert.match(seen(desk), /migrate vm:mail to: 1 node1 {2}2 node2 {2}3 node3/);
  press(desk, "n");
  assert.match(seen(desk), /vm:mail stays where it is/);
  press(desk, "m", "1");
  assert.match(seen(desk), /migrate vm:mail node1/);
  type(desk, "run 10s");
  assert.match(seen(desk), /^>vm:mail +started +node1 +node1/m);
});

test("a typed command is completed, edited, remembered and carried out", () => {
  const desk = createDesk();
  press(desk, ":", ..."netw", "tab", ..."node3", "tab", "tab", ..."fx", "backspace", ..."f");
  const { cursorColumn } = drawFrame(desk, usual, plain);
  assert.equal(cursorColumn, ": network node3 off".length);
  press(desk, "return");
  assert.match(seen(desk), /^ node3 +\S+ +on +off/m);
  press(desk, ":", "up");
  assert.match(seen(desk), /^: network node3 off$/m);
  press(desk, "escape");
  assert.match(seen(desk), /p power/);
});

test("a command that cannot be meant says why and changes nothing", () => {
  const desk = createDesk();
  const before = desk.player.session.nowMs;
  type(desk, "migrate mail");
  assert.match(seen(desk), /write: migrate\|relocate SERVICE NODE/);
  assert.equal(desk.player.session.nowMs, before);
});

test("why is answered for the present moment until the person has read it", () => {
  const desk = createDesk();
  press(desk, "down", "down", "down", "w");
  assert.match(seen(desk), /process:postgres is started on node "node1"/);
  type(desk, "power node1 off");
  press(desk, ".", ".", ".", ".", ".", ".", ".", ".");
  assert.match(seen(desk), /process:postgres is started on node "node2"/);
  press(desk, "escape");
  assert.doesNotMatch(seen(desk), /process:postgres is started on node/);
});

test("help shows every key and command, a page at a time", () => {
  const desk = createDesk();
  press(desk, "?");
  let all = "";
  for (let page = 0; page < 10; page += 1) {
    all += seen(desk, { columnCount: 120, rowCount: 20 });
    press(desk, "?");
  }
  for (const { help } of keyBindings) assert.ok(all.includes(help), help);
  assert.match(all, /power NODE on\|off/);
  assert.match(all, /save FILE/);
  press(desk, "p");
  assert.match(seen(desk), /^>node1 +\S+ +on/m, "the key that ends the help does nothing else");
});

test("time keys run, step, and go back", () => {
  const desk = createDesk();
  const { session } = desk.player;
  press(desk, "space");
  assert.equal(desk.player.paused, false);
  press(desk, "+", "+");
  assert.equal(desk.player.speed, 5);
  press(desk, "-", "space");
  assert.equal(desk.player.speed, 2);
  assert.equal(desk.player.paused, true);
  press(desk, ".");
  assert.equal(session.nowMs, 21_000);
  press(desk, "b");
  assert.equal(session.nowMs, 11_000);
  press(desk, "u");
  assert.ok(session.nowMs < 7_000);
  press(desk, "e");
  assert.ok(session.nowMs < 7_000);
  press(desk, "b", "b");
  assert.match(seen(desk), /this is the beginning/);
});

test("save hands over what was done so far", () => {
  const saved: { file: string; plan: Plan }[] = [];
  const desk = createDesk(saved);
  type(desk, "power node3 off");
  type(desk, "save mine.yaml");
  assert.match(seen(desk), /saved mine\.yaml/);
  assert.deepEqual(
    saved.map(({ file, plan }) => [file, plan.actions.length]),
    [["mine.yaml", 1]],
  );
});

test("q, Ctrl-C and quit end it", () => {
  for (const leave of [
    (desk: Desk) => press(desk, "q"),
    (desk: Desk) => desk.press({ name: "c", ctrl: true, text: "\x03" }),
    (desk: Desk) => type(desk, "quit"),
  ]) {
    const desk = createDesk();
    leave(desk);
    assert.equal(desk.ended, true);
  }
});
