/**
 * Keeps this server's disk as the records say: fetches what is missing, notes what it has, throws away what nobody
 * wants. It is moved by changes of the store alone; only what failed is tried again after a while.
 */
import { assertNever } from "../../core/assert.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Operation, Store, Txn } from "../../ports/store.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { BundleCheck, BundleRecord } from "../../wire/bundles.ts";
import { keys } from "../../wire/records.ts";
import { viewWithinMs } from "../limits.ts";
import type { PeerClient } from "../peers/peer-client.ts";
import type { ClusterView } from "../view/cluster-view.ts";
import { copyOf, hasCopy } from "./copies.ts";
import type { BundleDisk } from "./disk.ts";
import { fetchBundle, holdersOf } from "./fetch.ts";
import { fetchesMax, retryMsMax, retryMsMin } from "./limits.ts";

/** Operations that one transaction takes. */
const operationsMax = 100;
/** The name under which leftover records are swept; no bundle has it. */
const sweepName = "sweep";

export interface KeeperOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly view: ClusterView;
  readonly serverId: string;
  readonly disk: BundleDisk;
  readonly peers: PeerClient;
}

export interface BundleKeeper {
  readonly disk: BundleDisk;
  readonly peers: PeerClient;
  /** Aborts when it is closed: nobody waits for bundles any more. */
  readonly signal: AbortSignal;
  /** Whether a push is on its way here, so that its content is not thrown away before its record is there. */
  protect(sha256: string): { [Symbol.dispose](): void };
  /** The content was just written with the right hash. */
  trust(sha256: string): void;
  /** The file was found to be damaged: it is thrown away and fetched anew. */
  throwAway(sha256: string): void;
  /** Reads this server's own copy; one at a time. */
  check(sha256: string): Promise<Omit<BundleCheck, "server">>;
  /** Resolves when it has ended; rejects for a bug. */
  readonly done: Promise<void>;
  /** Gives up what is under way. Idempotent. */
  close(): Promise<void>;
}

type Need = "fetch" | "note" | "withdraw";

/** Begins to keep. */
export function startKeeper(options: KeeperOptions): BundleKeeper {
  return new Keeper(options);
}

class Keeper implements BundleKeeper {
  readonly disk: BundleDisk;
  readonly peers: PeerClient;
  readonly signal: AbortSignal;
  readonly done: Promise<void>;
  readonly #stop = new AbortController();
  readonly #options: KeeperOptions;
  readonly #end: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  /** What is being done, by bundle. */
  readonly #tasks = new Map<string, { readonly need: string; readonly stop: AbortController }>();
  /** What failed and waits, by bundle. */
  readonly #retries = new Map<string, () => void>();
  readonly #failures = new Map<string, { readonly count: number; readonly message: string }>();
  readonly #protected = new Map<string, number>();
  /** Files whose hash this process has seen. */
  readonly #trusted = new Set<string>();
  #checking: Promise<unknown> = Promise.resolve();

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.disk = options.disk;
    this.peers = options.peers;
    this.signal = this.#stop.signal;
    this.done = this.#end.promise;
    const unlisten = options.view.listen({
      changed: (change) => {
        this.#onChange(change.changedKeys);
      },
      reset: () => {
        this.#look();
      },
    });
    this.signal.addEventListener("abort", () => {
      unlisten();
      for (const cancel of this.#retries.values()) cancel();
      for (const { stop } of this.#tasks.values()) stop.abort();
      this.#endIfIdle();
    });
    this.#look();
    this.#watchOver(this.#checkAll());
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled([this.done]);
  }

  protect(sha256: string): { [Symbol.dispose](): void } {
    this.#protected.set(sha256, (this.#protected.get(sha256) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        const left = (this.#protected.get(sha256) ?? 1) - 1;
        if (left > 0) this.#protected.set(sha256, left);
        else this.#protected.delete(sha256);
        this.#look();
      },
    };
  }

  trust(sha256: string): void {
    this.#trusted.add(sha256);
  }

  throwAway(sha256: string): void {
    this.#trusted.delete(sha256);
    this.#options.log.write(
      "warn",
      `the copy of bundle ${sha256} here is damaged: fetches it anew`,
    );
    this.#watchOver(this.disk.throwAway(sha256).then(() => this.#look()));
  }

  async check(sha256: string): Promise<Omit<BundleCheck, "server">> {
    const turn = this.#checking.then(() =>
      this.disk.check(sha256, { pace: "fast", signal: this.signal }),
    );
    this.#checking = turn;
    const result = await turn;
    switch (result) {
      case "ok":
        return { result, detail: "" };
      case "damaged":
        this.throwAway(sha256);
        await this.#forgetCopy(sha256);
        return { result, detail: "it is fetched anew" };
      case "missing":
        await this.#forgetCopy(sha256);
        return { result, detail: this.#failures.get(sha256)?.message ?? "it is on its way" };
      case "aborted":
        return { result: "unreachable", detail: "the server is ending" };
      default:
        return assertNever(result);
    }
  }

  /** Whoever is told that the copy is none finds it in no list any more: a push would be taken for done. */
  async #forgetCopy(sha256: string): Promise<void> {
    const { view, serverId } = this.#options;
    if (hasCopy(view.tables, sha256, serverId)) await this.#withdraw({ sha256 });
  }

  #onChange(changedKeys: readonly string[]): void {
    let isConcerned = false;
    for (const key of changedKeys) {
      if (key.startsWith(keys.bundleCopies)) {
        this.#retryNow(copyOf(key.slice(keys.bundleCopies.length)).sha256);
      } else if (key.startsWith(keys.servers)) {
        for (const sha256 of [...this.#retries.keys()]) this.#retryNow(sha256);
      } else if (!key.startsWith(keys.bundles)) {
        continue;
      }
      isConcerned = true;
    }
    if (isConcerned) this.#look();
  }

  #retryNow(sha256: string): void {
    this.#retries.get(sha256)?.();
    this.#retries.delete(sha256);
  }

  /** Compares the records with the disk and begins what has to be done. */
  #look(): void {
    const { view } = this.#options;
    if (this.signal.aborted || !view.connected) return;
    const { bundles } = view.tables;
    for (const [sha256, { stop }] of this.#tasks) {
      if (sha256 !== sweepName && !bundles.has(sha256)) stop.abort();
    }
    for (const { value: bundle } of bundles.values()) {
      const need = this.#needOf(bundle);
      if (need === undefined || !this.#isIdle(bundle.sha256)) continue;
      this.#begin(bundle.sha256, need, (signal) => this.#serve(need, bundle, signal));
    }
    for (const sha256 of [...this.disk.files.keys(), ...this.disk.parts]) {
      if (!this.#isUnwanted(sha256) || !this.#isIdle(sha256)) continue;
      this.#begin(sha256, "discard", () =>
        this.disk.discard(sha256, () => this.#isUnwanted(sha256)),
      );
    }
    const leftovers = this.#leftovers();
    if (leftovers.length > 0 && this.#isIdle(sweepName)) {
      this.#begin(sweepName, "sweep", () => this.#sweep(leftovers));
    }
  }

  #isIdle(name: string): boolean {
    return !this.#tasks.has(name) && !this.#retries.has(name);
  }

  #isUnwanted(sha256: string): boolean {
    const { view } = this.#options;
    return view.connected && !view.tables.bundles.has(sha256) && !this.#protected.has(sha256);
  }

  #needOf({ sha256, sizeBytes }: BundleRecord): Need | undefined {
    const { view, serverId } = this.#options;
    const { tables } = view;
    const isHere = this.disk.files.get(sha256) === sizeBytes;
    const isNoted = hasCopy(tables, sha256, serverId);
    if (isHere) return isNoted || !this.#isRegistered() ? undefined : "note";
    if (isNoted) return "withdraw";
    if (this.#protected.has(sha256)) return undefined; // it is being pushed to this very server
    const fetches = [...this.#tasks.values()].filter(({ need }) => need === "fetch").length;
    if (fetches >= fetchesMax) return undefined;
    return holdersOf(tables, sha256, serverId).length === 0 ? undefined : "fetch";
  }

  /** Others throw a copy's record away when its server is not registered. */
  #isRegistered(): boolean {
    const { servers } = this.#options.view.tables;
    return servers.size === 0 || servers.has(this.#options.serverId);
  }

  #begin(
    name: string,
    need: string,
    action: (signal: AbortSignal) => Promise<Result<void, string>>,
  ): void {
    const stop = new AbortController();
    this.#tasks.set(name, { need, stop });
    const ended = action(stop.signal).then((result) => {
      this.#tasks.delete(name);
      if (result.ok) this.#failures.delete(name);
      else if (!stop.signal.aborted) this.#retryLater(name, result.error);
      this.#look();
    });
    this.#watchOver(ended);
  }

  #retryLater(name: string, message: string): void {
    const { clock, log } = this.#options;
    const before = this.#failures.get(name);
    const count = (before?.count ?? 0) + 1;
    this.#failures.set(name, { count, message });
    // The same failure again and again is said once.
    log.write(before?.message === message ? "debug" : "warn", `bundle ${name}: ${message}`);
    const delayMs = Math.min(retryMsMax, retryMsMin * 2 ** Math.min(count, 20));
    const cancel = clock.after(delayMs, () => {
      this.#retries.delete(name);
      this.#look();
    });
    this.#retries.set(name, cancel);
  }

  #serve(need: Need, bundle: BundleRecord, signal: AbortSignal): Promise<Result<void, string>> {
    switch (need) {
      case "fetch":
        return this.#fetch(bundle, signal);
      case "note":
        return this.#note(bundle, signal);
      case "withdraw":
        return this.#withdraw(bundle);
      default:
        return assertNever(need);
    }
  }

  async #fetch(bundle: BundleRecord, signal: AbortSignal): Promise<Result<void, string>> {
    const { view, serverId } = this.#options;
    const holders = holdersOf(view.tables, bundle.sha256, serverId);
    const fetched = await fetchBundle(this.#options, bundle, { holders, signal });
    if (fetched.ok) this.#trusted.add(bundle.sha256);
    return fetched;
  }

  async #note({ sha256 }: BundleRecord, signal: AbortSignal): Promise<Result<void, string>> {
    const { clock, serverId, view } = this.#options;
    if (!this.#trusted.has(sha256)) {
      const result = await this.disk.check(sha256, { pace: "slow", signal });
      if (result === "aborted") return err("it was given up");
      if (result !== "ok") return await this.disk.throwAway(sha256);
      this.#trusted.add(sha256);
    }
    const isAlone = view.tables.servers.size === 0;
    return await this.#write({
      compare: [
        { kind: "present", key: `${keys.bundles}${sha256}` },
        ...(isAlone ? [] : [{ kind: "present" as const, key: `${keys.servers}${serverId}` }]),
      ],
      then: [
        {
          kind: "put",
          key: `${keys.bundleCopies}${sha256}/${serverId}`,
          value: jsonOf({ version: 1, atMs: clock.wallMs() }),
        },
      ],
    });
  }

  async #withdraw({ sha256 }: Pick<BundleRecord, "sha256">): Promise<Result<void, string>> {
    this.#trusted.delete(sha256);
    const key = `${keys.bundleCopies}${sha256}/${this.#options.serverId}`;
    return await this.#write({ compare: [], then: [{ kind: "delete", key }] });
  }

  /** Copies of servers that are no more, own copies of bundles that are no more. */
  #leftovers(): Txn[] {
    const { view, serverId } = this.#options;
    const { servers, bundles, bundleCopies, peerProofs } = view.tables;
    const gone = new Map<string, Operation[]>();
    const add = (because: string, key: string) => {
      gone.set(because, [...(gone.get(because) ?? []), { kind: "delete", key }]);
    };
    const isGone = (server: string) =>
      servers.size > 0 && server !== serverId && !servers.has(server);
    for (const rest of bundleCopies.keys()) {
      const { sha256, server } = copyOf(rest);
      const key = `${keys.bundleCopies}${rest}`;
      if (isGone(server)) add(`${keys.servers}${server}`, key);
      else if (server === serverId && !bundles.has(sha256)) add(`${keys.bundles}${sha256}`, key);
    }
    for (const server of peerProofs.keys()) {
      if (isGone(server)) add(`${keys.servers}${server}`, `${keys.peerProofs}${server}`);
    }
    return [...gone].map(([absent, then]) => ({
      compare: [{ kind: "absent", key: absent }],
      then: then.slice(0, operationsMax),
    }));
  }

  async #sweep(leftovers: readonly Txn[]): Promise<Result<void, string>> {
    for (const txn of leftovers) {
      const written = await this.#write(txn);
      if (!written.ok) return written;
    }
    return ok(undefined);
  }

  /** Resolves when the view shows it, so that nothing is done twice. */
  async #write(txn: Txn): Promise<Result<void, string>> {
    const written = await this.#options.store.txn(txn);
    if (!written.ok) return err(written.error.message);
    const isShown = await this.#options.view.reach(written.value.revision, viewWithinMs);
    return isShown ? ok(undefined) : err("the view of the store lags behind");
  }

  /** What was on the disk when the server started may have been damaged since. */
  async #checkAll(): Promise<void> {
    for (const sha256 of [...this.disk.files.keys()]) {
      if (this.signal.aborted) return;
      if (this.#trusted.has(sha256)) continue;
      const result = await this.disk.check(sha256, { pace: "slow", signal: this.signal });
      if (result === "ok") this.#trusted.add(sha256);
      if (result === "damaged") this.throwAway(sha256);
    }
  }

  /** A bug ends the server; nothing that is expected rejects. */
  #watchOver(task: Promise<void>): void {
    task.then(
      () => {
        this.#endIfIdle();
      },
      (error: unknown) => {
        if (this.signal.aborted) this.#endIfIdle();
        else this.#end.reject(error);
      },
    );
  }

  #endIfIdle(): void {
    if (this.signal.aborted && this.#tasks.size === 0) this.#end.resolve();
  }
}
