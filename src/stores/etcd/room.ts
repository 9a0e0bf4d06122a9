/**
 * Whether etcd's database has room. etcd may answer "no space" to the very write that filled it, which it has done; all
 * later ones it refuses. So the first such answer leaves the outcome unknown, and as long as the alarm stands nothing is
 * sent that would need room: what was not sent was certainly not done.
 */
import type { StoreError } from "../../ports/store.ts";
import { refused } from "../shared/store-error.ts";
import { readAttemptMs } from "./client/client-limits.ts";
import type { Endpoints } from "./client/endpoints.ts";
import { noRoomSentence } from "./client/failure.ts";
import { status } from "./client/methods.ts";

export class Room {
  readonly #endpoints: Endpoints;
  #wasFull = false;
  #asking: Promise<boolean> | undefined;

  constructor(endpoints: Endpoints) {
    this.#endpoints = endpoints;
  }

  /** etcd has said that it is full. */
  noteFull(): void {
    this.#wasFull = true;
  }

  /** Why nothing that needs room is to be sent now; undefined: it may be. */
  async refusal(): Promise<StoreError | undefined> {
    if (!this.#wasFull) return undefined;
    this.#asking ??= this.#ask();
    return (await this.#asking) ? refused(noRoomSentence) : undefined;
  }

  /** Whether the alarm stands, as far as the member knows. */
  async #ask(): Promise<boolean> {
    const timing = { timeoutMs: readAttemptMs, leader: "not-needed" } as const;
    const asked = await this.#endpoints.current().call(status, {}, timing);
    this.#asking = undefined;
    if (!asked.ok) return false;
    this.#wasFull = asked.value.errors.some((error) => error.includes("NOSPACE"));
    return this.#wasFull;
  }
}
