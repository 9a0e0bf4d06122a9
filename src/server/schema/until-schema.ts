/**
 * Lets a server start once its store has the schema that its program wants. Until then it says that it lives, why it is
 * not ready, and goes on by itself; nobody has to start it again.
 */
import { err, ok, type Result } from "../../core/result.ts";
import type { Store } from "../../ports/store.ts";
import { pause } from "../../runtime/manager-pulse.ts";
import { keys } from "../../wire/records.ts";
import type { TlsCredentials } from "../http/app.ts";
import { type OpenSchema, openSchema, type SchemaOptions } from "./open-schema.ts";
import { listenWaiting } from "./waiting-listener.ts";
import { showWaiting } from "./waiting-presence.ts";

/** Of a server that waits. */
export interface WaitingContext {
  readonly store: Store;
  /** What it waits for. */
  readonly schema: number;
  /** The waiting is over. */
  readonly signal: AbortSignal;
}

/** What runs beside the waiting. */
export interface BesideWaiting {
  /** Resolves when the server is to end, so that another version takes its place. */
  readonly handOver: Promise<void>;
  /** Resolves when the signal has ended it. */
  readonly ended: Promise<void>;
}

export interface UntilSchemaOptions extends SchemaOptions {
  readonly serverId: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly tls: TlsCredentials | undefined;
  /** Tells the server to end. */
  readonly signal: AbortSignal;
  /** Resolves when the store cannot go on, with the reason. */
  readonly storeEnded: Promise<string | undefined>;
  /** Default: nothing. */
  readonly whileWaiting?: ((context: WaitingContext) => BesideWaiting) | undefined;
}

/** `asked`: the server was told to end. */
type WaitEnd = "ready" | "asked" | "handed-over";

const againMs = 500;

/** The error is one line for the operator. */
export async function untilSchema(options: UntilSchemaOptions): Promise<Result<WaitEnd, string>> {
  const first = await openSchema(options);
  if (!first.ok) return first;
  if (first.value.kind === "open") return ok("ready");
  return await new Waiting(options, first.value).end();
}

class Waiting {
  readonly #options: UntilSchemaOptions;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #schema: number;
  #because: string;

  constructor(
    options: UntilSchemaOptions,
    { because, schema }: Pick<Extract<OpenSchema, { kind: "wait" }>, "because" | "schema">,
  ) {
    this.#options = options;
    this.#schema = schema;
    this.#because = because;
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal]);
  }

  async end(): Promise<Result<WaitEnd, string>> {
    const { listen, tls, clock, log, store, storeEnded, whileWaiting } = this.#options;
    const calls = { store, clock, log };
    const listener = await listenWaiting({ ...calls, listen, tls, because: () => this.#because });
    if (!listener.ok) return listener;
    log.write("info", `is not ready: ${this.#because}`);
    const signal = this.#signal;
    const given = whileWaiting?.({ store, schema: this.#schema, signal });
    const beside = Promise.all([showWaiting({ ...this.#options, signal }), given?.ended]);
    const never = new Promise<never>(() => undefined);
    try {
      return await Promise.race([
        this.#follow(),
        storeEnded.then((why) => err(why ?? "the store was closed")),
        given?.handOver.then(() => ok("handed-over" as const)) ?? never,
        beside.then(() => never), // a bug in it ends the server
      ]);
    } finally {
      this.#stop.abort();
      await listener.value.close();
      await beside;
    }
  }

  async #follow(): Promise<Result<WaitEnd, string>> {
    const { store, clock, log } = this.#options;
    while (!this.#signal.aborted) {
      const before = await store.get(keys.schema);
      const found = before.ok ? await openSchema(this.#options) : undefined;
      if (found?.ok === false) return found;
      if (found?.value.kind === "open") return ok("ready");
      if (found !== undefined && found.value.because !== this.#because) {
        this.#because = found.value.because;
        log.write("info", `is not ready: ${this.#because}`);
      }
      const isTold = before.ok && (await changes(store, before.value.revision + 1, this.#signal));
      if (!isTold) await pause(clock, againMs, this.#signal);
    }
    return ok("asked");
  }
}

/** True when the schema's record has changed since; false: it cannot be watched any more. */
async function changes(store: Store, fromRevision: number, signal: AbortSignal): Promise<boolean> {
  for await (const batch of store.watch(keys.schema, { fromRevision, signal })) return batch.ok;
  return false;
}
