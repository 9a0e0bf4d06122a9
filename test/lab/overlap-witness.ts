/**
 * The witness of a lab: workloads on its hosts say many times a second that they live, into one file, by the one
 * clock of the machine. By it a test proves that at no instant two copies of a service ran.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Life, livesOf, overlapsOf, readRunRecords } from "../../src/demo/run-records.ts";
import { waitFor } from "../e2e/harness/wait.ts";
import type { Host } from "./host.ts";
import type { Lab } from "./lab.ts";
import type { LabProcess } from "./lab-process.ts";

const probePath = join(import.meta.dirname, "..", "e2e", "probe.ts");

export class OverlapWitness {
  /** The file that all copies write to; `probe()` of the end-to-end harness takes it from here. */
  readonly recordPath: string;

  constructor(lab: Pick<Lab, "directory">) {
    this.recordPath = join(lab.directory, "run-records.log");
    writeFileSync(this.recordPath, "", { mode: 0o666 });
  }

  /** Runs a copy of a service on a host, without Holdfast. */
  startCopy(host: Host, service: string): LabProcess {
    const environment = {
      RUN_RECORDS: this.recordPath,
      HOLDFAST_SERVICE: service,
      HOLDFAST_NODE: host.name,
    };
    return host.start(service.replace(":", "-"), [process.execPath, probePath], { environment });
  }

  /** Copies of a service that have lived, in the order in which they began. */
  lives(service: string): readonly Life[] {
    return livesOf(readRunRecords(this.recordPath)).filter((life) => life.service === service);
  }

  /** Waits until so many copies of a service have begun; the last of them. */
  async copies(service: string, count: number, forMsMax = 15_000): Promise<Life> {
    return waitFor(`${count} copies of ${service}`, forMsMax, () => {
      return this.lives(service).at(count - 1);
    });
  }

  /** Fails when two copies of one service lived at the same instant, and says which and where. */
  assertNeverTwice(): void {
    const overlaps = overlapsOf(readRunRecords(this.recordPath));
    const words = overlaps.map(({ service, first, second, overlapMs }) => {
      return `${service} ran on ${first.node} and ${second.node} at once for ${overlapMs} ms`;
    });
    assert.deepEqual(words, []);
  }
}
