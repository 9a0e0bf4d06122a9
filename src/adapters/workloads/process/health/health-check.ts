/** What one health check is: looks once and says what it saw. */

export interface CheckOutcome {
  readonly passed: boolean;
  /** One sentence for a person: what was asked, what came. */
  readonly detail: string;
}

/** Looks once. Must settle soon after `signal` aborts, which means that its time is over. Never rejects. */
export type HealthCheck = (signal: AbortSignal) => Promise<CheckOutcome>;
