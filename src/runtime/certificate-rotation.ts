/**
 * Keeps one holder's certificate fresh without a restart: at two thirds of its life, or when asked, it makes a request,
 * has it issued, stores key and certificate, and tells whoever uses them. What fails is tried again.
 */
import {
  type CertificateLife,
  isCounting,
  isDueForRotation,
  rotationDueAtMs,
} from "../core/certificate-life.ts";
import { err, type Result } from "../core/result.ts";
import type {
  CertificateFacts,
  CertificateNames,
  KeyAndCertificate,
  KeyAndRequest,
  PairChange,
  PairName,
  PkiDirectory,
} from "../ports/certificates.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import { pause } from "./manager-pulse.ts";

/** Wait after the first failure, in milliseconds; it doubles with each further one. */
const retryMsMin = 1_000;
/** Longest wait between two tries. */
const retryMsMax = 300_000;
/**
 * Longest wait for the due instant, and for another try while the pair does not count: the wall clock may be set, and a
 * machine may sleep. A look reads two small files and compares dates.
 */
const lookEveryMsMax = 60_000;
/** At most this part of the life is waited after the instant that is due for all: three quarters are over then. */
const spreadShare = 12;
/** How long an issuer has for its answer. */
const issueWithinMs = 60_000;

/** What an issuer gives: the certificate, and the trusted authorities where they came with it. */
export interface CertificateAnswer {
  readonly certificatePem: string;
  readonly authorityPem?: string | undefined;
}

export interface CertificateRotationOptions {
  readonly pair: PairName;
  readonly directory: Pick<PkiDirectory, "readPair" | "writePair">;
  /** For the request; the issuer decides what it puts into the certificate. Asked anew each time. */
  readonly names: () => CertificateNames;
  /**
   * `kept`: the same key in the new certificate, for programs that read key and certificate one after the other (etcd)
   * and would meet a new certificate with an old key if both changed in between.
   */
  readonly key: "new" | "kept";
  readonly createKeyAndRequest: (
    names: CertificateNames & { readonly keyPem?: string | undefined },
  ) => Promise<Result<KeyAndRequest, string>>;
  readonly inspectCertificate: (pem: string) => Result<CertificateFacts, string>;
  /** By the authority on this machine, or by a server. May be asked again after a failure. */
  readonly issue: (
    requestPem: string,
    signal: AbortSignal,
  ) => Promise<Result<CertificateAnswer, string>>;
  /** Called after the pair is on the disk, each time. */
  readonly onChanged: (pair: KeyAndCertificate) => void | Promise<void>;
  /**
   * A random number from 0 up to 1 of this holder's own, by which it waits a little longer: those that got theirs at one
   * moment must not all come back at one moment. Default 0.
   */
  readonly spread?: number | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends it. */
  readonly signal: AbortSignal;
}

export interface CertificateRotation {
  /**
   * Has a new certificate issued at once, e.g. because names have changed. The answer is that of the first try that was
   * begun after the call; a failed one is repeated in the background.
   */
  reissueNow(): Promise<Result<void, string>>;
  /** Settles after `signal` was aborted and nothing is under way any more. Rejects only for a bug. */
  readonly ended: Promise<void>;
}

/** Begins at once, and looks first whether the certificate is due already. */
export function keepCertificateFresh(options: CertificateRotationOptions): CertificateRotation {
  const asked = new Asked();
  const ended = run(options, asked).finally(() => asked.answer(err("the process is ending")));
  return {
    reissueNow: () =>
      options.signal.aborted ? Promise.resolve(err("the process is ending")) : asked.add(),
    ended,
  };
}

type Answer = (outcome: Result<void, string>) => void;

/** Those who wait for a new certificate, and the alarm that wakes the loop for them. */
class Asked {
  readonly #waiting: Answer[] = [];
  #alarm = new AbortController();

  add(): Promise<Result<void, string>> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#alarm.abort();
    });
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  get alarm(): AbortSignal {
    return this.#alarm.signal;
  }

  /** Takes out all who wait now: the try that begins is theirs, and whoever comes later wants another. */
  take(): (outcome: Result<void, string>) => void {
    const taken = this.#waiting.splice(0);
    this.#alarm = new AbortController();
    return (outcome) => {
      for (const answer of taken) answer(outcome);
    };
  }

  answer(outcome: Result<void, string>): void {
    this.take()(outcome);
  }
}

async function run(options: CertificateRotationOptions, asked: Asked): Promise<void> {
  const { clock, signal } = options;
  let failures = 0;
  let restMs = 0;
  while (!signal.aborted) {
    const waitMs = failures > 0 ? await untilRetryMs(options, failures) : await untilDueMs(options);
    const wake = AbortSignal.any([signal, asked.alarm]);
    if (waitMs > 0 || restMs > 0) await pause(clock, Math.max(waitMs, restMs), wake);
    if (signal.aborted) return;
    // A failed try stays wanted, also when only a change of names had asked for it.
    const isWanted = failures > 0 || !asked.isEmpty || (await untilDueMs(options)) === 0;
    if (!isWanted) continue;
    const answer = asked.take();
    const outcome = await replace(options);
    failures = outcome.ok ? 0 : failures + 1;
    restMs = retryMsMin; // even if what was just written could not be read
    if (!outcome.ok && !signal.aborted) await complain(options, outcome.error, failures);
    answer(outcome);
  }
}

/** A pair that does not count is worth a try as soon as the clock may have been set, which only a look can tell. */
async function untilRetryMs(
  options: CertificateRotationOptions,
  failures: number,
): Promise<number> {
  const life = await presentLife(options);
  const counts = life !== undefined && isCounting({ ...life, nowMs: options.clock.wallMs() });
  const longestMs = counts ? retryMsMax : lookEveryMsMax;
  return Math.min(longestMs, retryMsMin * 2 ** Math.min(failures - 1, 20));
}

async function complain(
  options: CertificateRotationOptions,
  why: string,
  failures: number,
): Promise<void> {
  const { log, pair } = options;
  const nextMs = await untilRetryMs(options, failures);
  log.write("warn", `cannot renew the certificate "${pair}", it is tried again: ${why}`, {
    tries: failures,
    nextMs,
  });
}

/** 0: due now. A pair that is missing or damaged is due. */
async function untilDueMs(options: CertificateRotationOptions): Promise<number> {
  const life = await presentLife(options);
  return life === undefined ? 0 : untilDueOf(life, options.clock.wallMs(), options.spread);
}

/** undefined: the pair is missing or damaged. */
async function presentLife(
  options: CertificateRotationOptions,
): Promise<CertificateLife | undefined> {
  const present = await options.directory.readPair(options.pair);
  if (!present.ok || present.value === undefined) return undefined;
  const facts = options.inspectCertificate(present.value.certificatePem);
  return facts.ok ? facts.value : undefined;
}

function untilDueOf(life: CertificateLife, nowMs: number, spread = 0): number {
  const { notBeforeMs, notAfterMs } = life;
  const laterMs = Math.floor(((notAfterMs - notBeforeMs) * spread) / spreadShare);
  const dueInMs = rotationDueAtMs(life) + laterMs - nowMs;
  if (isDueForRotation({ ...life, nowMs }) && (dueInMs <= 0 || nowMs < notBeforeMs)) return 0;
  return Math.min(lookEveryMsMax, dueInMs);
}

async function replace(options: CertificateRotationOptions): Promise<Result<void, string>> {
  const { directory, pair, log } = options;
  const keyPem = options.key === "kept" ? await presentKey(options) : undefined;
  const request = await options.createKeyAndRequest({ ...options.names(), keyPem });
  if (!request.ok) return request;
  const issued = await issueInTime(options, request.value.requestPem);
  if (!issued.ok) return issued;
  const facts = options.inspectCertificate(issued.value.certificatePem);
  if (!facts.ok) return err(`the issued certificate is refused: ${facts.error}`);
  if (untilDueOf(facts.value, options.clock.wallMs()) === 0) {
    return err("the issued certificate is due for rotation already: compare the clocks");
  }
  const change: PairChange = { keyPem: request.value.keyPem, ...issued.value };
  const written = await directory.writePair(pair, change);
  if (!written.ok) return written;
  const until = new Date(facts.value.notAfterMs).toISOString();
  log.write("info", `renewed the certificate "${pair}"`, { serial: facts.value.serial, until });
  await options.onChanged({ keyPem: change.keyPem, certificatePem: change.certificatePem });
  return written;
}

/** undefined: there is none that could be kept. */
async function presentKey({
  directory,
  pair,
}: CertificateRotationOptions): Promise<string | undefined> {
  const present = await directory.readPair(pair);
  return present.ok ? present.value?.keyPem : undefined;
}

/** The issuer's answer, or an error when none has come in time. */
async function issueInTime(
  options: CertificateRotationOptions,
  requestPem: string,
): Promise<Result<CertificateAnswer, string>> {
  const enough = new AbortController();
  const signal = AbortSignal.any([options.signal, enough.signal]);
  const tooLate = pause(options.clock, issueWithinMs, signal).then(() => {
    enough.abort();
    return err(`no answer within ${issueWithinMs / 1_000} s`);
  });
  try {
    return await Promise.race([options.issue(requestPem, signal), tooLate]);
  } finally {
    enough.abort();
  }
}
