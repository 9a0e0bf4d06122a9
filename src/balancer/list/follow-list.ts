/**
 * Keeps the list of servers up to date: asks every few seconds, and at once when a server fails. What is no good
 * list changes nothing: the balancer goes on with the last good one.
 */
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Backend, Backends } from "../config/backends.ts";
import { pause } from "../health/health-watch.ts";
import { askForList } from "./ask-list.ts";
import { writeListFile } from "./list-file.ts";

const refreshEveryMsDefault = 5_000;
/** After a failure: not more often than this. */
const refreshGapMs = 1_000;

export interface FollowOptions {
  /** Those to ask, best first. */
  readonly asked: () => readonly Backend[];
  readonly authority: () => string | undefined;
  /** Undefined: nobody is asked, as nobody would answer. */
  readonly token: string | undefined;
  /** Where the last good list is kept; undefined: nowhere. */
  readonly folder: string | undefined;
  /** Default 5 s, at least 1 s. */
  readonly refreshEveryMs: number | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly adopt: (backends: Backends) => void;
}

/** Follows the list until the signal aborts. */
export class ListFollower {
  readonly #options: FollowOptions;
  #hurry: AbortController = new AbortController();
  /** What the log said last: a trouble that lasts is told once. */
  #told = "";
  #writeError = "";
  /** What the file holds. */
  #written = "";

  constructor(options: FollowOptions) {
    this.#options = options;
    options.signal.addEventListener("abort", () => this.hurry(), { once: true });
  }

  /** Asks sooner than it is due. */
  hurry(): void {
    this.#hurry.abort();
  }

  async run(): Promise<void> {
    const { clock, signal, token, log, refreshEveryMs = refreshEveryMsDefault } = this.#options;
    if (token === undefined) {
      log.write(
        "info",
        "the list of servers stays as it is: it follows them with --token-file only",
      );
      return;
    }
    while (!signal.aborted) {
      await this.#refresh();
      await pause(clock, refreshGapMs, signal);
      await pause(clock, refreshEveryMs - refreshGapMs, this.#hurry.signal);
      this.#hurry = new AbortController();
    }
  }

  async #refresh(): Promise<void> {
    const { asked, authority, token, clock, signal, log, adopt } = this.#options;
    const how = { authority: authority(), token, clock, signal };
    const list = await askForList(asked(), how);
    if (signal.aborted) return;
    if (!list.ok) {
      this.#tell(`keeps the servers that it knows: no list, ${list.error}`);
      return;
    }
    if (this.#told !== "") log.write("info", "the servers give their list again");
    this.#told = "";
    adopt(list.value.backends);
    await this.#keep(JSON.stringify(list.value.servers), list.value.servers);
  }

  async #keep(text: string, servers: Parameters<typeof writeListFile>[1]): Promise<void> {
    const { folder, log } = this.#options;
    if (folder === undefined || text === this.#written) return;
    const written = await writeListFile(folder, servers);
    if (!written.ok && written.error !== this.#writeError) log.write("warn", written.error);
    if (written.ok) this.#written = text;
    this.#writeError = written.ok ? "" : written.error;
  }

  #tell(sentence: string): void {
    if (sentence === this.#told) return;
    this.#told = sentence;
    this.#options.log.write("warn", sentence);
  }
}
