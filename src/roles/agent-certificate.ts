/** The certificate of a node that has joined, from its data directory, and how it is kept fresh. */
import { inspectCertificate } from "../adapters/certificates/inspect-certificate.ts";
import { createKeyAndRequest } from "../adapters/certificates/key-and-request.ts";
import { openPkiDirectory } from "../adapters/certificates/pki-directory.ts";
import { isStatementOf } from "../adapters/certificates/statement.ts";
import type { AgentCertificate } from "../agent/options.ts";
import { type Failure, fail } from "../cli/failure.ts";
import { ok, type Result } from "../core/result.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import { keepCertificateFresh } from "../runtime/certificate-rotation.ts";

export interface AgentCertificateParts {
  readonly clock: Clock;
  readonly log: Log;
  /** From 0 up to 1; spreads renewals of agents that joined at one moment. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** Reads it; the failure says how one is had. */
export async function openAgentCertificate(
  dataDirectory: string,
  { clock, log, random = Math.random }: AgentCertificateParts,
): Promise<Result<AgentCertificate, Failure>> {
  const pki = await openPkiDirectory(dataDirectory);
  if (!pki.ok) return fail(1, pki.error);
  const pair = await pki.value.readPair("agent");
  if (!pair.ok) return fail(1, pair.error, "remove the node, then join it anew");
  const authority = await pki.value.readTrusted("ca");
  if (!authority.ok) return fail(1, authority.error);
  if (pair.value === undefined || authority.value === undefined) {
    return fail(
      2,
      `this machine has neither joined (${dataDirectory} holds no certificate) nor was a token given`,
      "join it with the command of: holdfast join-script --node, or give a token with --token-file FILE",
    );
  }
  const facts = inspectCertificate(pair.value.certificatePem);
  if (!facts.ok) return fail(1, facts.error);
  let current = { ...pair.value, authorityPem: authority.value };
  const tls = () => current;
  return ok({
    current: tls,
    isSigned: (statement, signature) => isStatementOf(current.authorityPem, statement, signature),
    async keepFresh({ issue, onChanged, signal }) {
      const rotation = keepCertificateFresh({
        pair: "agent",
        directory: pki.value,
        names: () => facts.value,
        key: "new",
        createKeyAndRequest,
        inspectCertificate,
        issue,
        async onChanged(fresh) {
          // The answer may have named other authorities; what is trusted now is what was written.
          const trusted = await pki.value.readTrusted("ca");
          const authorityPem = trusted.ok ? trusted.value : undefined;
          current = { ...fresh, authorityPem: authorityPem ?? current.authorityPem };
          onChanged(current);
        },
        spread: random(),
        clock,
        log,
        signal,
      });
      await rotation.ended;
    },
  });
}
