/** Plays in a terminal: virtual time runs with real time, keys are obeyed as they come, and the picture follows. */
import type { Player } from "../../sim/play/player.ts";
import type { ExitCode } from "../failure.ts";
import type { Session } from "../session.ts";
import { Desk } from "./desk.ts";
import { drawFrame } from "./draw-frame.ts";
import { saveScenario } from "./save-scenario.ts";
import { Screen, type TerminalStreams } from "./screen.ts";

/** Between two pictures. */
const pictureMs = 50;
/** After the machine slept, or while it is slow, virtual time does not leap. */
const leapMsMax = 1_000;

/** Until the person ends it (0), a signal does (130), or the terminal is gone. */
export function playTerminal(
  player: Player,
  session: Session,
  streams: TerminalStreams,
): Promise<ExitCode> {
  const { colours, io } = session;
  const desk = new Desk({ player, save: saveScenario });
  return new Promise((resolve, reject) => {
    const screen = new Screen(streams, {
      onKey: (key) => guarded(() => desk.press(key)),
      onResize: () => guarded(() => undefined),
    });
    const end = (finish: () => void): void => {
      clearInterval(timer);
      io.signal.removeEventListener("abort", onAbort);
      streams.input.off("end", onGone);
      screen.close();
      finish();
    };
    const onAbort = (): void => end(() => resolve(130));
    const onGone = (): void => end(() => resolve(0));
    /** Whatever goes wrong, the terminal is given back before it is told. */
    const guarded = (work: () => void): void => {
      try {
        work();
        if (desk.ended) end(() => resolve(0));
        else screen.draw(drawFrame(desk, screen.size, colours));
      } catch (error: unknown) {
        end(() => reject(error instanceof Error ? error : new Error(String(error))));
      }
    };
    let lastAtMs = performance.now();
    const timer = setInterval(() => {
      guarded(() => {
        const nowMs = performance.now();
        player.advance(Math.min(nowMs - lastAtMs, leapMsMax));
        lastAtMs = nowMs;
      });
    }, pictureMs);
    io.signal.addEventListener("abort", onAbort, { once: true });
    streams.input.once("end", onGone);
    screen.open();
    player.execute({ kind: "go" });
    guarded(() => undefined);
    if (io.signal.aborted) onAbort();
  });
}
