/** `holdfast sim` as a person meets it: from a pipe, and on a real terminal where `script` can make one. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { mainPath } from "../support/built-program.ts";
import { eventually } from "./program.ts";

const timeoutMs = 60_000;

interface Played {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function play(input: string, ...flags: readonly string[]): Played {
  const result = spawnSync(process.execPath, [mainPath, "sim", ...flags], {
    input,
    encoding: "utf8",
    timeout: timeoutMs,
  });
  return { code: result.status, out: result.stdout, err: result.stderr };
}

test("sim plays commands from a pipe and prints plain text", () => {
  const { code, out, err } = play("run 10s\npower node1 off\nrun 20s\nshow\nwhy postgres\n");
  assert.equal(err, "");
  assert.equal(code, 0);
  assert.ok(!out.includes("\x1b"), "no escape codes");
  assert.match(out, /10\.0s {2}you {2}power node1 off/);
  assert.match(out, /process:postgres {2}recovery: /);
  assert.match(out, /^30\.0s {3}manager: node[23] {3}armed {3}S1-S9 kept$/m);
  assert.match(out, /^ node1 +unknown +off +- /m);
  assert.match(out, /^ process:postgres +started +node2 +node2 +started /m);
  assert.match(out, /^process:postgres is started on node "node2" because/m);
});

test("sim names the line that cannot be meant, goes on, and ends with 2", () => {
  const { code, out, err } = play("run 1s\npowr node1 off\npower node1 on\nrun 1s\nshow\n");
  assert.equal(code, 2);
  assert.match(err, /^line 2: there is no command "powr"; did you mean power\?$/m);
  assert.match(out, /power of node1 is on already/);
  assert.match(out, /^2\.0s {3}manager/m);
});

test("sim ends with 5 when something was refused", () => {
  const { code, err } = play("run 10s\nconfirm-off node1\n");
  assert.equal(code, 5);
  assert.match(err, /^line 2: node1 holds a live lease/m);
});

test("sim writes data with -o json, a line each", () => {
  const { code, out } = play("run 10s\nshow\n", "-o", "json");
  assert.equal(code, 0);
  const lines = out.trimEnd().split("\n");
  const values: unknown[] = lines.map((line) => JSON.parse(line));
  assert.ok(values.length > 10);
  const last = values.at(-1);
  assert.ok(typeof last === "object" && last !== null && "services" in last);
});

test("sim saves what was played as a scenario that sim run plays in the same way", async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-play-"));
  context.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "play.yaml");
  const commands = "run 10s\nfreeze agent node1\nrun 20s\nmigrate mail node3\nrun 10s\n";
  const played = play(`${commands}save ${file}\nsave ${file}\n`, "-o", "json");
  assert.equal(played.code, 5, "a file that is there is not written over");
  assert.match(played.err, /it is there already/);
  assert.match(await readFile(file, "utf8"), /at: 10001ms/);
  const again = spawnSync(process.execPath, [mainPath, "sim", "run", "--trace", file], {
    encoding: "utf8",
    timeout: timeoutMs,
  });
  assert.equal(again.status, 0, again.stderr);
  assert.deepEqual(decisionsIn(again.stdout, traceDecision), decisionsIn(played.out, playDecision));
});

type Decision = readonly [atMs: number, service: string];

function decisionsIn(text: string, read: (value: object) => Decision | undefined): Decision[] {
  return text.split("\n").flatMap((line) => {
    const value: unknown = line === "" ? undefined : JSON.parse(line);
    const decision = typeof value === "object" && value !== null ? read(value) : undefined;
    return decision === undefined ? [] : [decision];
  });
}

function traceDecision(value: object): Decision | undefined {
  if (!("kind" in value) || value.kind !== "decision") return undefined;
  if (!("t" in value) || !("service" in value)) return undefined;
  return [Math.round(Number(value.t) * 1_000), String(value.service)];
}

function playDecision(value: object): Decision | undefined {
  if (!("tone" in value) || value.tone !== "decision") return undefined;
  if (!("atMs" in value) || !("about" in value)) return undefined;
  return [Number(value.atMs), String(value.about)];
}

const hasScript = spawnSync("script", ["--version"]).status === 0;
const skip = hasScript ? false : "`script` of util-linux is not here, so there is no terminal";

interface Terminal {
  readonly child: ChildProcess;
  /** All that was written to the terminal so far. */
  readonly written: () => string;
  readonly type: (keys: string) => void;
  readonly ended: Promise<number | null>;
}

/** The program on a terminal of its own; behind its end the terminal says what state it was left in. */
function openTerminal(
  context: TestContext,
  environment: Readonly<Record<string, string>> = {},
): Terminal {
  const program = `${process.execPath} ${mainPath} sim; echo "code=$?"; stty -a`;
  const child = spawn("script", ["-qec", `stty rows 30 cols 110; ${program}`, "/dev/null"], {
    env: { ...process.env, TERM: "xterm-256color", SHELL: "/bin/sh", ...environment },
    timeout: timeoutMs,
  });
  context.after(() => child.kill("SIGKILL"));
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (more: string) => {
    text += more;
  });
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.on("close", resolve);
  const type = (keys: string): void => {
    child.stdin.write(keys);
  };
  return { child, written: () => text, type, ended: promise };
}

/** Waits until the newest picture of the terminal says so. */
function sees(terminal: Terminal, pattern: RegExp): Promise<true> {
  return eventually(`${pattern} on the terminal`, () =>
    pattern.test(pictureOf(terminal)) ? true : undefined,
  );
}

function pictureOf({ written }: Terminal): string {
  const all = written();
  return stripVTControlCharacters(all.slice(all.lastIndexOf("\x1b[H")));
}

function assertRestored(terminal: Terminal): void {
  const all = terminal.written();
  const after = all.slice(all.lastIndexOf("\x1b[?1049l"));
  assert.ok(all.includes("\x1b[?1049h"), "the terminal was taken over");
  assert.ok(all.lastIndexOf("\x1b[?1049l") > all.lastIndexOf("\x1b[?1049h"), "and given back");
  assert.ok(all.lastIndexOf("\x1b[?25h") > all.lastIndexOf("\x1b[?25l"), "with its cursor");
  assert.match(after, /[^-]icanon/, "reads lines again");
  assert.match(after, /[^-]echo /, "echoes again");
}

test("sim on a terminal draws the cluster, obeys keys and typed commands, and leaves no trace", {
  skip,
}, async (context) => {
  const terminal = openTerminal(context);
  await sees(terminal, / SERVICE +STATE +NODE/);
  terminal.type("++++"); // 60 times
  await sees(terminal, /vm:mail +started +node3 +node3/);
  terminal.type(" ");
  await sees(terminal, /paused/);
  terminal.type(":power node1 off\r");
  await sees(terminal, /node1 +\S+ +off/);
  terminal.type("b");
  await sees(terminal, /node1 +\S+ +on.*back at/s);
  terminal.type("?");
  await sees(terminal, /Keys/);
  terminal.type("x");
  await sees(terminal, /SERVICE/);
  terminal.type("q");
  await terminal.ended;
  assert.match(terminal.written(), /code=0/);
  assertRestored(terminal);
});

test("sim gives the terminal back on Ctrl-C", { skip }, async (context) => {
  const terminal = openTerminal(context);
  await sees(terminal, /SERVICE/);
  terminal.type("\x03");
  await terminal.ended;
  assert.match(terminal.written(), /code=0/);
  assertRestored(terminal);
});

test("sim gives the terminal back on SIGTERM", { skip }, async (context) => {
  const terminal = openTerminal(context);
  await sees(terminal, /SERVICE/);
  const { pid } = terminal.child;
  assert.ok(pid !== undefined);
  process.kill(await programBelow(pid), "SIGTERM");
  await terminal.ended;
  assert.match(terminal.written(), /code=130/);
  assertRestored(terminal);
});

test("sim paints nothing with NO_COLOR", { skip }, async (context) => {
  const terminal = openTerminal(context, { NO_COLOR: "1" });
  await sees(terminal, /SERVICE/);
  terminal.type("q");
  await terminal.ended;
  const sequences = terminal.written().split("\x1b[").slice(1);
  assert.ok(
    sequences.length > 0 && !sequences.some((each) => /^[0-9;]*m/.test(each)),
    "no colours",
  );
});

/** The program's process: the last of the line that began with `script`. */
async function programBelow(pid: number): Promise<number> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  const [child] = children
    .trim()
    .split(" ")
    .filter((each) => each !== "")
    .map(Number);
  return child === undefined ? pid : programBelow(child);
}
