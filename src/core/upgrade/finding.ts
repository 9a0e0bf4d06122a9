/** One thing that speaks against an upgrade of the control plane, as people and programs are told of it. */

/** What it is, and what it is about. */
export interface Finding {
  /** `blocks`: nothing is begun while it is so. `warns`: a person should know of it. */
  readonly level: "blocks" | "warns";
  readonly code: string;
  /** What it is about; empty: all of it. */
  readonly subject: string;
  readonly detail: string;
}

/** One that keeps an upgrade from being begun. */
export function blocking(code: string, subject: string, detail: string): Finding {
  return { level: "blocks", code, subject, detail };
}

/** One that a person is to judge. */
export function warning(code: string, subject: string, detail: string): Finding {
  return { level: "warns", code, subject, detail };
}
