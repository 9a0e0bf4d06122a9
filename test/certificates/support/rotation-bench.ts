/** A holder whose certificate is kept fresh by a local authority, on a clock that the test moves. */

import { inspectCertificate } from "../../../src/adapters/certificates/inspect-certificate.ts";
import { createKeyAndRequest } from "../../../src/adapters/certificates/key-and-request.ts";
import { openPkiDirectory } from "../../../src/adapters/certificates/pki-directory.ts";
import { ok } from "../../../src/core/result.ts";
import type { KeyAndCertificate, PkiDirectory } from "../../../src/ports/certificates.ts";
import type { Clock } from "../../../src/ports/clock.ts";
import {
  type CertificateRotation,
  type CertificateRotationOptions,
  keepCertificateFresh,
} from "../../../src/runtime/certificate-rotation.ts";
import { createTestLog } from "../../agent/support/tools.ts";
import { ManualClock } from "../../stores/manual-clock.ts";
import {
  type IssuedPair,
  issuePair,
  makeAuthority,
  must,
  namesOf,
  type TestAuthority,
  temporaryFolder,
} from "./tools.ts";

export const lifeMs = 300_000;

export interface RotationBench {
  readonly ca: TestAuthority;
  readonly directory: PkiDirectory;
  readonly first: IssuedPair;
  readonly log: ReturnType<typeof createTestLog>;
  readonly clock: ManualClock;
  /** What `onChanged` was told. */
  readonly changes: KeyAndCertificate[];
  issue: CertificateRotationOptions["issue"];
  begin(options?: Partial<CertificateRotationOptions>): CertificateRotation;
  end(): Promise<void>;
}

/** A clock that stands at the real time, because authorities and certificates are made for now. */
function clockOfNow(): ManualClock {
  const clock = new ManualClock();
  clock.jump(Math.floor(Date.now() / 1_000) * 1_000 - clock.wallMs());
  return clock;
}

export async function rotationBench(): Promise<RotationBench> {
  const folder = temporaryFolder();
  const directory = must(await openPkiDirectory(folder.path));
  const ca = await makeAuthority();
  const clock = clockOfNow();
  const first = await issuePair(ca, {}, { lifeMs, nowMs: clock.wallMs() });
  must(await directory.writeTrusted("ca", ca.certificatePem));
  must(await directory.writePair("server", first));
  const stop = new AbortController();
  const log = createTestLog();
  let rotation: CertificateRotation | undefined;
  const bench: RotationBench = {
    ...{ ca, directory, first, log, clock, changes: [] },
    issue: issuer(ca, clock),
    begin(options = {}) {
      rotation = keepCertificateFresh({
        ...{ pair: "server", directory, names: namesOf, key: "new", clock, log },
        ...{ createKeyAndRequest, inspectCertificate, signal: stop.signal },
        issue: (requestPem, signal) => bench.issue(requestPem, signal),
        onChanged: (pair) => {
          bench.changes.push(pair);
        },
        ...options,
      });
      return rotation;
    },
    async end() {
      stop.abort();
      await rotation?.ended;
      folder.remove();
    },
  };
  return bench;
}

/** Issues on the spot. */
export function issuer(
  { authority }: Pick<TestAuthority, "authority">,
  clock: Pick<Clock, "wallMs">,
  forMs: number = lifeMs,
): CertificateRotationOptions["issue"] {
  return async (requestPem) => {
    const issued = await authority.issue({
      ...{ requestPem, subject: namesOf(), use: "server-and-client", lifeMs: forMs },
      nowMs: clock.wallMs(),
    });
    return issued.ok ? ok({ certificatePem: issued.value.certificatePem }) : issued;
  };
}
