/** One check of one server. */
import { connect } from "node:net";
import { reasonOf } from "../../client/transport.ts";
import type { Clock } from "../../ports/clock.ts";
import { problemSchema } from "../../wire/errors.ts";
import { ask } from "../ask.ts";
import type { Backend } from "../config/backends.ts";
import { type CheckKind, checkTimes } from "../config/balancer-settings.ts";
import type { CheckOutcome } from "./health-state.ts";

export interface ProbeOptions {
  readonly check: CheckKind;
  /** PEM of the cluster's authority, as it is now. */
  readonly authority: () => string | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const ready: CheckOutcome = { kind: "ready", because: "it is ready" };

/** Asks a server whether it can serve, or only whether it takes a connection. */
export async function probe(backend: Backend, options: ProbeOptions): Promise<CheckOutcome> {
  const { check, authority, clock, signal } = options;
  if (check === "tcp") return await probeTcp(backend, options);
  const answer = await ask({
    backend,
    path: "/readyz",
    authority: authority(),
    timeoutMs: checkTimes.timeoutMs,
    clock,
    signal,
  });
  if (!answer.ok) return { kind: "unreachable", because: answer.error };
  const { status, text } = answer.value;
  if (status === 200) return ready;
  return { kind: "not-ready", because: `it answered ${status}: ${detailOf(text)}` };
}

/** The line of a problem document; of anything else its beginning. */
function detailOf(text: string): string {
  const detail = problemSchema.pick({ detail: true }).safeParse(jsonOf(text));
  return (detail.success ? detail.data.detail : text).replaceAll(/\s+/g, " ").slice(0, 200);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // then it is no problem document
  }
}

function probeTcp(backend: Backend, { clock, signal }: ProbeOptions): Promise<CheckOutcome> {
  const { promise, resolve } = Promise.withResolvers<CheckOutcome>();
  const socket = connect({ host: backend.host, port: backend.port });
  const end = (outcome: CheckOutcome): void => {
    cancel();
    signal.removeEventListener("abort", giveUp);
    socket.destroy();
    resolve(outcome);
  };
  const fail = (because: string): void => end({ kind: "unreachable", because });
  const giveUp = (): void => fail("interrupted");
  const cancel = clock.after(checkTimes.timeoutMs, () => {
    fail(`no connection within ${checkTimes.timeoutMs} ms`);
  });
  signal.addEventListener("abort", giveUp);
  socket.once("connect", () => end(ready));
  socket.once("error", (error) => fail(reasonOf(error)));
  return promise;
}
