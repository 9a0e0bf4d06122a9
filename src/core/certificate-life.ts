/**
 * When a certificate is replaced: at two thirds of its life. That leaves a third for tries while servers are away,
 * and is the same rule for servers, agents and members of the store.
 */

/** The span within which a certificate counts, on the wall clock. */
export interface CertificateLife {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** The wall-clock instant from which on the certificate is to be replaced. */
export function rotationDueAtMs({ notBeforeMs, notAfterMs }: CertificateLife): number {
  return notBeforeMs + Math.floor(((notAfterMs - notBeforeMs) * 2) / 3);
}

/** Whether it counts by this clock. */
export function isCounting(life: CertificateLife & { readonly nowMs: number }): boolean {
  return life.nowMs >= life.notBeforeMs && life.nowMs < life.notAfterMs;
}

/**
 * Whether the certificate is to be replaced now. One that does not count yet is: the clock was wrong when it was
 * issued, or is wrong now. Nobody here can tell which, so what takes its place must count by both clocks: whoever signs
 * for himself orders it so (`IssueOrder.covers`).
 */
export function isDueForRotation(life: CertificateLife & { readonly nowMs: number }): boolean {
  return life.nowMs < life.notBeforeMs || life.nowMs >= rotationDueAtMs(life);
}
