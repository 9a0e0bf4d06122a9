/**
 * Connects a person's request with the agent's that answers it: frames go both ways as fast as the slower side takes
 * them. Whichever side ends first, the other one is told, and nothing is left open.
 */
import type { ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import type { Clock } from "../../ports/clock.ts";
import {
  aliveEveryMs,
  createFrameReader,
  encodeFrame,
  encodeJson,
  execContentType,
  silenceMsMax,
} from "../../wire/exec/frames.ts";
import type { ExecEnd } from "../../wire/exec/messages.ts";

/** One side: the body of its request, and the answer to it. */
export interface ExecEndpoint {
  readonly input: Readable;
  readonly output: ServerResponse;
}

export interface ExecBridgeOptions {
  readonly person: ExecEndpoint;
  /** What the person's body has already brought, the frame `open` included. */
  readonly begun: Uint8Array;
  readonly agent: ExecEndpoint;
  /** Said to the person when the agent's side ends without a last word. */
  readonly whenLost: string;
  readonly clock: Clock;
}

/** How often silence is looked for; not more than `aliveEveryMs`. */
const lookEveryMs = 1_000;
/** How long a side may take to end its request after it was told the last frame. */
const lingerMs = 3_000;

/** Begins the answer of a side, so that it knows that it was accepted. */
export function beginExecAnswer(output: ServerResponse): void {
  output.writeHead(200, { "content-type": execContentType, "cache-control": "no-store" });
  output.flushHeaders();
  output.socket?.setNoDelay(true);
}

/** What goes on between the two sides. */
export interface ExecBridge {
  /** Tells the person why it is over, and kills the command. */
  end(because: string): void;
}

/** Both answers have begun. Goes on by itself until both sides are closed. */
export function bridgeExec(options: ExecBridgeOptions): ExecBridge {
  const bridge = new Bridge(options);
  bridge.begin(options.begun);
  return bridge;
}

class Bridge implements ExecBridge {
  readonly #options: ExecBridgeOptions;
  readonly #heardAtMs: { person: number; agent: number };
  #isOver = false;
  #cancelTimer = (): void => undefined;

  constructor(options: ExecBridgeOptions) {
    this.#options = options;
    const now = options.clock.monotonicMs();
    this.#heardAtMs = { person: now, agent: now };
  }

  begin(begun: Uint8Array): void {
    const { person, agent } = this.#options;
    this.#look();
    this.#followAgent();
    this.#followPerson();
    if (agent.input.destroyed) this.#lose();
    else if (person.input.destroyed || person.output.destroyed) this.#cutOff();
    else agent.output.write(begun);
    for (const { input } of [person, agent]) input.resume();
  }

  end(because: string): void {
    if (this.#isOver) return;
    const last: ExecEnd = { kind: "failed", message: because };
    this.#finish(encodeJson("end", last));
    const { input, output } = this.#options.agent;
    output.destroy();
    input.destroy();
  }

  #followAgent(): void {
    const { person, agent } = this.#options;
    const reader = createFrameReader();
    agent.input.on("data", (bytes: Buffer) => {
      this.#hear("agent");
      if (this.#isOver) return;
      const frames = reader.read(bytes);
      if (!frames.ok) {
        this.#lose();
        return;
      }
      for (const { kind, payload } of frames.value) {
        if (kind === "end") {
          this.#finish(encodeFrame(kind, payload));
          return;
        }
        const frame = encodeFrame(kind, payload);
        passOn(frame, agent.input, person.output, () => this.#hear("agent"));
      }
    });
    for (const gone of ["end", "close", "error"]) agent.input.on(gone, () => this.#lose());
    agent.input.on("close", () => this.#leave());
    agent.output.on("error", () => this.#lose());
  }

  #followPerson(): void {
    const { person, agent } = this.#options;
    person.input.on("data", (bytes: Buffer) => {
      this.#hear("person");
      if (this.#isOver) return;
      passOn(bytes, person.input, agent.output, () => this.#hear("person"));
    });
    for (const gone of ["end", "close", "error"]) person.input.on(gone, () => this.#leave());
    for (const gone of ["close", "error"]) person.output.on(gone, () => this.#leave());
  }

  #hear(side: "person" | "agent"): void {
    this.#heardAtMs[side] = this.#options.clock.monotonicMs();
  }

  /** A side that is held back says nothing, and is not silent. */
  #isSilent(side: "person" | "agent", forMs = silenceMsMax): boolean {
    const silentMs = this.#options.clock.monotonicMs() - this.#heardAtMs[side];
    return !this.#options[side].input.isPaused() && silentMs > forMs;
  }

  #look(): void {
    if (this.#isSilent("agent")) {
      this.#lose();
      this.#options.agent.output.destroy();
    } else if (this.#isSilent("person")) {
      this.#cutOff();
    } else {
      // Else the person would take the agent's silence for this server's, and be told so.
      if (this.#isSilent("agent", aliveEveryMs)) {
        this.#options.person.output.write(encodeFrame("alive"));
      }
      this.#cancelTimer = this.#options.clock.after(lookEveryMs, () => this.#look());
    }
  }

  /** The person is told how it ended; then both sides end their requests, or are cut off. */
  #finish(last: Uint8Array): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { person, agent, clock } = this.#options;
    person.output.write(last);
    for (const side of [person, agent]) endAfterRequest(side);
    this.#cancelTimer();
    this.#cancelTimer = clock.after(lingerMs, () => this.#cutOff());
  }

  #lose(): void {
    const end: ExecEnd = { kind: "failed", message: this.#options.whenLost };
    this.#finish(encodeJson("end", end));
  }

  /** The person has gone: the agent's side is cut off, which kills the command. Later, all is closed well. */
  #leave(): void {
    const { person, agent } = this.#options;
    if (!this.#isOver) this.#cutOff();
    else if (person.input.closed && agent.input.closed) this.#cancelTimer();
  }

  #cutOff(): void {
    this.#isOver = true;
    this.#cancelTimer();
    for (const { input, output } of [this.#options.person, this.#options.agent]) {
      output.destroy();
      input.destroy();
    }
  }
}

/** An answer that ends before its request was read takes what was not read yet for an error, and is lost. */
function endAfterRequest({ input, output }: ExecEndpoint): void {
  const end = (): void => {
    output.end();
  };
  if (input.readableEnded || input.destroyed) end();
  else input.once("end", end);
  input.resume();
}

/** Writes, and holds the source back until the other side takes more. */
function passOn(
  bytes: Uint8Array,
  source: Readable,
  sink: ServerResponse,
  onAgain: () => void,
): void {
  if (sink.write(bytes) || source.isPaused()) return;
  source.pause();
  sink.once("drain", () => {
    onAgain();
    source.resume();
  });
}
