/** Plays with a cluster: on a terminal when there is one to draw on, else line by line. */
import { createInterface } from "node:readline";
import { ReadStream, WriteStream } from "node:tty";
import { examplePlan } from "../../sim/play/example.ts";
import { Player } from "../../sim/play/player.ts";
import type { Outcome } from "../failure.ts";
import type { Session } from "../session.ts";
import { playLines } from "./play-lines.ts";
import { playTerminal } from "./play-terminal.ts";

export interface PlayOptions {
  /** Of every chance in it. */
  readonly seed: number;
}

/** Runs until the person has had enough, or the commands are at their end. */
export async function runPlay(session: Session, { seed }: PlayOptions): Promise<Outcome> {
  const player = new Player(examplePlan(seed));
  const { stdin: input, stdout: output } = process;
  const { TERM: terminal } = session.io.environment;
  const canDraw = input instanceof ReadStream && output instanceof WriteStream;
  if (canDraw && terminal !== "dumb" && session.format === "table") {
    return { ok: true, value: await playTerminal(player, session, { input, output }) };
  }
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  const close = (): void => lines.close();
  session.io.signal.addEventListener("abort", close, { once: true });
  try {
    return { ok: true, value: await playLines(lines, player, session) };
  } finally {
    session.io.signal.removeEventListener("abort", close);
    lines.close();
  }
}
