/**
 * A stream of reads and writes over the API by several clients that each know all servers, from its start to the
 * judgement of what was recorded.
 */
import assert from "node:assert/strict";
import { value } from "../../e2e/harness/cluster.ts";
import { waitFor } from "../../e2e/harness/wait.ts";
import { apiClient } from "../history/api-client.ts";
import { type HistoryCounts, type Recording, recordHistory } from "../history/record-history.ts";
import { assertLinearizable } from "../linearizability/check.ts";
import { testSeed } from "../random.ts";
import type { ControlPlane } from "./control-plane.ts";

/** Of each server as the first one that is asked. */
const clientsPerServer = 2;
/** One that stays with a server whatever happens to it soon asks again: it is refused most of the time. */
const faithfulMsMax = 4_000;
const keyCount = 6;
/** A fault may stop the writes for so long: to be found out, for an election, and for time-outs of the clients. */
const silenceMsMaxDefault = 8_000;

export class ApiLoad {
  readonly #plane: ControlPlane;
  readonly #recording: Recording;

  private constructor(plane: ControlPlane, recording: Recording) {
    this.#plane = plane;
    this.#recording = recording;
  }

  /** Begins; the keys are services that do not run. */
  static async begin(plane: ControlPlane): Promise<ApiLoad> {
    const keys = Array.from({ length: keyCount }, (_, index) => `process:key${index}`);
    for (const id of keys) {
      const config = { id, state: "stopped", process: { command: "/bin/true" } } as const;
      value(await plane.client().addService(config));
    }
    const seed = testSeed();
    plane.lab.say(`seed ${seed} (HOLDFAST_TEST_SEED)`);
    const clients = plane.servers.flatMap((host) =>
      Array.from({ length: clientsPerServer }, () => apiClient(plane.client(host))),
    );
    // A cut-off server has to refuse these, or the checker finds what it said.
    const faithful = plane.servers.map((host) => apiClient(plane.clientOf(host, faithfulMsMax)));
    const recording = recordHistory({
      clients: [...clients, ...faithful],
      keys,
      seed,
      pauseMs: 40,
    });
    const load = new ApiLoad(plane, recording);
    await load.goesOn("before any fault");
    return load;
  }

  counts(): HistoryCounts {
    return this.#recording.counts();
  }

  /**
   * Does something, and waits until so many changes have been acknowledged after it; fails when there was none for too
   * long.
   */
  async goesOn(
    when: string,
    act?: () => unknown,
    count = 30,
    silenceMsMax = silenceMsMaxDefault,
  ): Promise<void> {
    const fromMs = performance.now();
    await act?.();
    const { written } = this.counts();
    await waitFor(`writes to go on ${when}`, silenceMsMax + 8_000, () => {
      return this.counts().written >= written + count;
    });
    const silenceMs = this.#recording.longestSilenceMs(fromMs);
    this.#plane.lab.say(`${when}: ${silenceMs.toFixed()} ms without an acknowledged write at most`);
    assert(silenceMs <= silenceMsMax, `${when}: no write for ${silenceMs} ms`);
  }

  /** Ends the stream: the whole history is linearizable. */
  async end(operationsMin = 200): Promise<void> {
    const history = await this.#recording.stop();
    const { done, notDone, unknown } = this.counts();
    assertLinearizable(history);
    this.#plane.lab.say(`linearizable: ${done} done, ${notDone} not done, ${unknown} unknown`);
    assert(done > operationsMin, `a history of ${done} operations proves little`);
  }
}
