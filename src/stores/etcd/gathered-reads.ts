/**
 * Reads of single keys. What is asked for while a read is under way is asked for together when that is answered: many
 * agents renew at once, and a call to etcd costs far more than a key in it. A read that is alone waits for nothing.
 */
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { StoredEntry, StoreError, StoreRevision } from "../../ports/store.ts";
import { refused } from "../shared/store-error.ts";
import { pause } from "./client/attempts.ts";
import { readErrorOf } from "./client/failure.ts";
import type { KeyValue, RequestOp, ResponseHeader } from "./client/messages.ts";
import { txn } from "./client/methods.ts";
import { type KeyRead, type ReadContext, readKey } from "./etcd-reads.ts";

type Answer = Result<KeyRead, StoreError>;
type Waiting = Map<string, ((answer: Answer) => void)[]>;

/** Keys of one call: with values of the largest size they fit into an answer (`receiveBytesMax`). */
const keysMax = 32;
/** With so many keys in a call the next ones are waited for, so that there are fewer calls. */
const busyCount = 4;
const gatherMs = 5;
/**
 * So long the next call waits for an answer at most: longer than one takes on a busy machine, which more calls would only
 * make busier, and not noticed behind a disk that takes seconds.
 */
const slowMs = 250;

export class GatheredReads {
  readonly #context: ReadContext & { readonly clock: Clock };
  #waiting: Waiting = new Map();
  #isRunning = false;

  constructor(context: ReadContext & { readonly clock: Clock }) {
    this.#context = context;
  }

  /** See the port: `Store.get`. The read begins after the call, as a linearizable one has to. */
  read(key: string): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const others = this.#waiting.get(key);
    if (others === undefined) this.#waiting.set(key, [resolve]);
    else others.push(resolve);
    if (!this.#isRunning) void this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.size > 0) {
      const batch = new Map([...this.#waiting].slice(0, keysMax));
      for (const key of batch.keys()) this.#waiting.delete(key);
      await this.#answeredOrSlow(this.#readAll(batch));
      if (batch.size >= busyCount) await pause(this.#context.clock, gatherMs);
    }
    this.#isRunning = false;
  }

  /** Behind a member that is slow nobody waits for the answers of others. */
  #answeredOrSlow(answered: Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#context.clock.after(slowMs, resolve);
    void answered.then(() => {
      cancel();
      resolve();
    });
    return promise;
  }

  async #readAll(batch: Waiting): Promise<void> {
    const wanted = [...batch.keys()];
    const [only] = wanted;
    if (only !== undefined && wanted.length === 1) {
      const answer = await readKey(this.#context, only);
      for (const resolve of batch.get(only) ?? []) resolve(answer);
      return;
    }
    const answers = await this.#readTogether(wanted);
    for (const [index, resolvers] of [...batch.values()].entries()) {
      const answer = answers(index);
      for (const resolve of resolvers) resolve(answer);
    }
  }

  async #readTogether(wanted: readonly string[]): Promise<(index: number) => Answer> {
    const { attempts, keys } = this.#context;
    const reads = wanted.map((key): RequestOp => ({ requestRange: { key: keys.keyOf(key) } }));
    // Without a read in the other branch etcd would answer without asking a quorum.
    const request = { compare: [], success: reads, failure: reads.slice(0, 1) };
    const read = await attempts.repeatable(txn, request);
    if (!read.ok) {
      const error = readErrorOf(read.error);
      return () => err(error);
    }
    const { header, responses } = read.value;
    return (index) => this.#answerOf(header, responses[index]?.responseRange?.kvs);
  }

  #answerOf(header: ResponseHeader | null, kvs: readonly KeyValue[] | undefined): Answer {
    const { keys } = this.#context;
    if (kvs === undefined) return err(refused("etcd left a key out of its answer"));
    const revision: StoreRevision = keys.revisionIn(header);
    const [kv] = kvs;
    if (kv === undefined) return ok({ entry: undefined, revision });
    const entry: Result<StoredEntry, string> = keys.entryOf(kv);
    return entry.ok ? ok({ entry: entry.value, revision }) : err(refused(entry.error));
  }
}
