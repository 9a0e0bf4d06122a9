/** The words that the documentation has for one route. */

/** Answers that no route checks; they are documented in one way. */
export type Answer = "event-stream" | "text" | "bytes" | "document" | "nothing" | "frames";

/** One route. */
export interface RouteWords {
  readonly operationId: string;
  readonly summary: string;
  /** Its success, where the route has no schema for it. */
  readonly answer?: Answer;
  readonly conditional?: "change" | "resume";
}
