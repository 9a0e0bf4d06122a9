/**
 * Asks one server after the other until one gives a definite answer. Where what is asked may be done twice, the next
 * one is asked already while the one before is silent: a server that is gone then costs no time-out.
 */

/** What came of asking one server. */
export type Asked<T> =
  | { readonly kind: "definite"; readonly value: T }
  | { readonly kind: "failed"; readonly why: string }
  /** Another call has found out that another server answers. */
  | { readonly kind: "abandoned" };

export interface AskInTurnOptions<T> {
  readonly servers: readonly string[];
  /** After so long without an answer the next one is asked too; undefined: only after a failure. */
  readonly staggerMs: number | undefined;
  readonly ask: (server: string, signal: AbortSignal) => Promise<Asked<T>>;
  /** A server failed, or was silent while one that was asked later has answered. */
  readonly onFailed: (server: string) => void;
}

/** The error names each server and what was wrong with it. */
export type AskedInTurn<T> =
  | { readonly kind: "answered"; readonly server: string; readonly value: T }
  | { readonly kind: "none"; readonly detail: string };

interface UnderWay<T> {
  readonly controller: AbortController;
  readonly end: Promise<{ readonly server: string; readonly asked: Asked<T> }>;
}

/** Resolves with the first definite answer; those that were not needed are given up. */
export async function askInTurn<T>(options: AskInTurnOptions<T>): Promise<AskedInTurn<T>> {
  const { servers, ask, onFailed, staggerMs } = options;
  const waiting = [...servers];
  const underWay = new Map<string, UnderWay<T>>();
  const whys: string[] = [];
  for (;;) {
    const next = waiting.shift();
    if (next !== undefined) underWay.set(next, begin(next, ask));
    if (underWay.size === 0) return { kind: "none", detail: whys.join("; ") };
    const patienceMs = waiting.length === 0 ? undefined : staggerMs;
    const ended = await firstOf([...underWay.values()], patienceMs);
    if (ended === "late") continue;
    const { server, asked } = ended;
    if (asked.kind === "definite") {
      giveUpOthers(server, underWay, onFailed);
      return { kind: "answered", server, value: asked.value };
    }
    underWay.delete(server);
    whys.push(`${server}: ${asked.kind === "failed" ? asked.why : "another one answers"}`);
    if (asked.kind === "failed") onFailed(server);
  }
}

function begin<T>(server: string, ask: AskInTurnOptions<T>["ask"]): UnderWay<T> {
  const controller = new AbortController();
  return { controller, end: ask(server, controller.signal).then((asked) => ({ server, asked })) };
}

async function firstOf<T>(
  underWay: readonly UnderWay<T>[],
  patienceMs: number | undefined,
): Promise<Awaited<UnderWay<T>["end"]> | "late"> {
  const ends = underWay.map(({ end }) => end);
  if (patienceMs === undefined) return await Promise.race(ends);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(resolve, patienceMs, "late");
  });
  try {
    return await Promise.race([...ends, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Those before the one that answered have been silent for longer. */
function giveUpOthers<T>(
  answered: string,
  underWay: ReadonlyMap<string, UnderWay<T>>,
  onFailed: (server: string) => void,
): void {
  let isBefore = true;
  for (const [server, { controller }] of underWay) {
    if (server === answered) isBefore = false;
    else {
      controller.abort();
      if (isBefore) onFailed(server);
    }
  }
}
