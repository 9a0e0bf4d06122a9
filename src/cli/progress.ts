/** Progress on standard error: one line that is written anew on a terminal, else a line for each news. */
import { formatSpan } from "./format/quantity.ts";
import { cutToWidth, oneLine } from "./format/text-width.ts";
import type { CliIo } from "./io.ts";

export interface Progress {
  /** Says where `subject` is; nothing is written when that is no news. */
  show(subject: string, line: string): void;
  /** Takes the line away again. */
  end(): void;
}

const clearLine = "\r\u001b[2K";
const tickEveryMs = 500;

/** Begins to show progress. */
export function createProgress(io: CliIo): Progress {
  return io.stderr.isTTY === true ? terminalProgress(io) : plainProgress(io);
}

function plainProgress(io: CliIo): Progress {
  const shown = new Map<string, string>();
  return {
    show: (subject, line) => {
      if (shown.get(subject) === line) return;
      shown.set(subject, line);
      io.stderr.write(`${oneLine(line)}\n`);
    },
    end: () => undefined,
  };
}

function terminalProgress(io: CliIo): Progress {
  const startedAtMs = io.nowMs();
  let current = "waiting";
  const draw = (): void => {
    const line = `${oneLine(current)} ... ${formatSpan(io.nowMs() - startedAtMs)}`;
    io.stderr.write(clearLine + cutToWidth(line, (io.stderr.columns ?? 80) - 1));
  };
  const ticker = setInterval(draw, tickEveryMs);
  draw();
  return {
    show: (_subject, line) => {
      current = line;
      draw();
    },
    end: () => {
      clearInterval(ticker);
      io.stderr.write(clearLine);
    },
  };
}
