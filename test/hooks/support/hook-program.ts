/** A program for hooks that notes in a file what it was told, and does what a file beside it says. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** One run of it, as it noted it. */
export interface HookRun {
  readonly server: string;
  readonly role: string;
  readonly because: string;
  readonly term: string;
  /** `begin`, `end`. */
  readonly moment: string;
}

export interface HookProgram {
  readonly path: string;
  /** What it does from now on, as a line of shell; after it the run is noted as ended. */
  does(shell: string): void;
  /** Of all servers, in order. */
  runs(): readonly HookRun[];
}

/** Writes it into a folder; any number of servers may use it. */
export function writeHookProgram(folder: string): HookProgram {
  const path = join(folder, "hook.sh");
  const notes = join(folder, "hook-notes");
  const deed = join(folder, "hook-deed");
  writeFileSync(notes, "");
  writeFileSync(deed, ":");
  const note = (moment: string): string =>
    `echo "$HOLDFAST_SERVER_ID $1 $HOLDFAST_BECAUSE \${HOLDFAST_TERM:--} ${moment}" >> ${notes}`;
  writeFileSync(path, `#!/bin/sh\n${note("begin")}\n. ${deed}\n${note("end")}\n`, { mode: 0o755 });
  return {
    path,
    does: (shell) => writeFileSync(deed, `${shell}\n`),
    runs: () =>
      readFileSync(notes, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => {
          const [server = "", role = "", because = "", term = "", moment = ""] = line.split(" ");
          return { server, role, because, term, moment };
        }),
  };
}

/** `role because moment` of each, for comparisons. */
export function wordsOf(runs: readonly HookRun[]): readonly string[] {
  return runs.map(({ role, because, moment }) => `${role} ${because} ${moment}`);
}
