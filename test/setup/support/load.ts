/** Services that say when they live, and a stream of writes whose acknowledgements are remembered. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../../../src/client/client.ts";
import { type Life, livesOf, overlapsOf, readRunRecords } from "../../../src/demo/run-records.ts";
import { probe } from "../../e2e/harness/probe-service.ts";
import { answerOf, type TestControlPlane, until } from "../../support/control-plane.ts";

/** A probe says 50 times a second that it lives; on a busy machine it may be late. */
const silenceNs = 1_000_000_000n;

/** Probes on the nodes of a control plane. */
export class Probes {
  readonly recordPath: string;
  readonly ids: string[] = [];
  readonly #controlPlane: TestControlPlane;

  constructor(controlPlane: TestControlPlane) {
    this.#controlPlane = controlPlane;
    this.recordPath = join(controlPlane.folder, "run-records.log");
    writeFileSync(this.recordPath, "", { mode: 0o666 });
  }

  /** Adds services, and waits until they run. */
  async add(count: number): Promise<void> {
    const client = this.#controlPlane.client();
    for (let number = 1; number <= count; number += 1) {
      const id = `process:probe${this.ids.length + 1}`;
      answerOf(await client.addService(probe(this, id)));
      this.ids.push(id);
    }
    await this.allRun();
  }

  async allRun(): Promise<void> {
    await until("all probes to run", () => this.ids.every((id) => this.alive(id).length > 0));
  }

  /** Copies of a service that live now. */
  alive(id: string): readonly Life[] {
    const now = process.hrtime.bigint();
    return this.#lives(id).filter((life) => now - life.lastNs < silenceNs);
  }

  /** How many copies of it have ever begun. */
  begunCount(id: string): number {
    return this.#lives(id).length;
  }

  /** Fails when two copies of one service lived at one instant. */
  assertNeverTwice(): void {
    assert.deepEqual(overlapsOf(readRunRecords(this.recordPath)), []);
  }

  #lives(id: string): readonly Life[] {
    return livesOf(readRunRecords(this.recordPath)).filter(({ service }) => service === id);
  }
}

/** Writes small things about a node through the API, one after the other, until it is told to end. */
export class WriteStream {
  readonly acknowledged: string[] = [];
  /** Longest time between two acknowledgements, in milliseconds. */
  silenceMsMax = 0;
  readonly #client: Client;
  readonly #ended: Promise<void>;
  #isEnding = false;

  constructor(t: TestContext, client: Client, node: string) {
    this.#client = client;
    this.#ended = this.#write(node);
    t.after(() => this.end());
  }

  /** Waits for so many more acknowledgements. */
  async more(count: number): Promise<void> {
    const wanted = this.acknowledged.length + count;
    await until(`${count} more writes`, () => this.acknowledged.length >= wanted);
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#ended;
  }

  /** Fails when something that was acknowledged before the call is not there. */
  async assertAllThere(client: Client): Promise<void> {
    // The stream may go on: what is acknowledged while the list is under way need not be in it.
    const expected = [...this.acknowledged];
    const groups = answerOf(await client.groups());
    const there = new Set(groups.items.map(({ name }) => name));
    const missing = expected.filter((name) => !there.has(name));
    assert.deepEqual(missing, []);
  }

  async #write(node: string): Promise<void> {
    let lastMs: number | undefined;
    for (let number = 1; !this.#isEnding; number += 1) {
      const name = `write-${number}`;
      const written = await this.#client.putGroup(
        { name, nodes: [{ node, priority: 1 }] },
        undefined,
      );
      const nowMs = performance.now();
      if (written.ok) {
        this.acknowledged.push(name);
        this.silenceMsMax = Math.max(this.silenceMsMax, nowMs - (lastMs ?? nowMs));
        lastMs = nowMs;
      }
      await sleep(5);
    }
  }
}
