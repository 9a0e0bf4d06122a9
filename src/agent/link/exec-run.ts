/** One command from its first frame to its last: what it is to be, its streams, its time, and what became of it. */
import type { ServiceId } from "../../core/ids.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type {
  ExecExit,
  RunningExec,
  WorkloadDriver,
  WorkloadInstance,
} from "../../ports/workload.ts";
import { encodeData, encodeJson, type Frame, jsonOfFrame } from "../../wire/exec/frames.ts";
import { type ExecEnd, type ExecRequest, execRequestSchema } from "../../wire/exec/messages.ts";
import type { ExecChannel } from "./exec-channel.ts";

/** What the command runs beside; undefined parts: there is nothing to run it beside. */
export interface ExecPlace {
  readonly driver: WorkloadDriver | undefined;
  readonly instance: WorkloadInstance | undefined;
}

export interface ExecRunOptions {
  readonly channel: ExecChannel;
  readonly service: ServiceId;
  readonly place: ExecPlace;
  readonly clock: Clock;
  /** The agent ends. */
  readonly closing: AbortSignal;
}

/** What does not die within so long waits in the kernel; its person need not. */
const killTimeoutMs = 5_000;

/** Never rejects. Afterwards nothing of the command is left, as far as SIGKILL can do that. */
export async function runExec(options: ExecRunOptions): Promise<void> {
  const { channel } = options;
  const frames = channel.frames()[Symbol.asyncIterator]();
  const end = await outcomeOf(options, frames);
  if (end !== undefined) await channel.send(encodeJson("end", end));
  void drain(frames);
  await channel.finish();
}

/** What comes late is taken and dropped, so that the end of the request is noticed. */
async function drain(frames: AsyncIterator<Frame>): Promise<void> {
  while ((await frames.next()).done !== true);
}

/** Undefined: nobody is there to be told. */
async function outcomeOf(
  options: ExecRunOptions,
  frames: AsyncIterator<Frame>,
): Promise<ExecEnd | undefined> {
  const first = await frames.next();
  if (first.done === true) return undefined;
  const request = execRequestSchema.safeParse(jsonOfFrame(first.value));
  if (first.value.kind !== "open" || !request.success) {
    return { kind: "failed", message: "the server's request is not what the protocol says" };
  }
  const started = await start(options, request.data);
  if (!started.ok) return started.error;
  return follow(options, started.value, { frames, timeoutMs: request.data.timeoutMs });
}

async function start(
  { channel, service, place }: ExecRunOptions,
  { command, environment }: ExecRequest,
): Promise<Result<RunningExec, ExecEnd>> {
  const { driver, instance } = place;
  if (instance === undefined) {
    return err({ kind: "failed", message: `${service} does not run on this node now` });
  }
  if (driver?.exec === undefined) {
    const message = `services of type ${driver?.type ?? "?"} take no commands`;
    return err({ kind: "failed", message });
  }
  const running = await driver.exec(instance, {
    command,
    environment,
    async output(stream, bytes) {
      for (const frame of encodeData(stream, bytes)) await channel.send(frame);
    },
  });
  return running.ok ? ok(running.value) : err(running.error);
}

interface Followed {
  readonly frames: AsyncIterator<Frame>;
  readonly timeoutMs: number;
}

async function follow(
  { channel, clock, closing, service }: ExecRunOptions,
  running: RunningExec,
  { frames, timeoutMs }: Followed,
): Promise<ExecEnd | undefined> {
  let cut: ExecEnd | undefined;
  let hasEnded = false;
  const over = Promise.withResolvers<void>();
  let cancelKill = (): void => undefined;
  const cutShort = (end: ExecEnd): void => {
    if (cut !== undefined || hasEnded) return;
    cut = end;
    running.kill();
    cancelKill = clock.after(killTimeoutMs, over.resolve);
  };
  const seconds = timeoutMs / 1_000;
  const late: ExecEnd = { kind: "timed-out", message: `it was killed after ${seconds} s` };
  const cancelTimeout = clock.after(timeoutMs, () => cutShort(late));
  const onGone = (): void => cutShort({ kind: "failed", message: "its person has gone" });
  const onClosing = (): void => cutShort({ kind: "failed", message: "the node's agent has ended" });
  for (const [signal, act] of [
    [channel.gone, onGone],
    [closing, onClosing],
  ] as const) {
    if (signal.aborted) act();
    else signal.addEventListener("abort", act, { once: true });
  }
  void feed(running, frames).then((fault) => {
    if (fault !== undefined) cutShort({ kind: "failed", message: fault });
  });
  const exit = await Promise.race([running.ended, over.promise]);
  hasEnded = true;
  cancelTimeout();
  cancelKill();
  closing.removeEventListener("abort", onClosing);
  if (channel.gone.aborted) return undefined;
  return cut ?? endOf(exit ?? undefined, service);
}

/** Hands the person's input to the command. What it answers is a fault of the other end. */
async function feed(
  running: RunningExec,
  frames: AsyncIterator<Frame>,
): Promise<string | undefined> {
  for (;;) {
    const next = await frames.next();
    if (next.done === true) return undefined; // the channel says that the person has gone
    const { kind, payload } = next.value;
    if (kind === "stdin") await running.write(payload);
    else if (kind === "stdin-end") running.endInput();
    else return `a frame "${kind}" has no place here`;
  }
}

function endOf(exit: ExecExit | undefined, service: ServiceId): ExecEnd {
  if (exit?.withInstance === true) {
    return {
      kind: "failed",
      message: `${service} was stopped on this node, or has ended, meanwhile`,
    };
  }
  if (exit?.code !== undefined) return { kind: "exited", code: exit.code };
  if (exit?.signal !== undefined) return { kind: "killed", signal: exit.signal };
  return { kind: "failed", message: `it is not known how the command beside ${service} ended` };
}
