/**
 * `POST /v1/services/:id/exec` and `POST /v1/agent/exec/:requestId`: what is to be run beside a service, and what
 * became of it. The person's request body and the agent's answer hold `open`, `stdin`, `stdin-end` and `alive`;
 * the agent's request body and the person's answer hold `stdout`, `stderr`, `alive` and, last, `end`.
 */
import * as z from "zod";

/** No text that reaches a kernel may hold a zero byte. */
const text = z
  .string()
  .max(131_072)
  .regex(/^[^\0]*$/, "must not hold a zero byte");

/** How long a command may take, at the least and at the most, in milliseconds. */
export const execTimeoutRange = { min: 100, max: 86_400_000 } as const;

/** The frame `open`. */
export const execRequestSchema = z.strictObject({
  /** The program, looked up in the service's PATH, and its arguments. No shell is in between. */
  command: z.tuple([text.min(1)], text).refine((words) => words.length <= 1_000, "too many words"),
  /** Added to the service's own environment. */
  environment: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "use letters, digits and _"), text)
    .default({}),
  /** After so long it is killed. */
  timeoutMs: z.int().min(execTimeoutRange.min).max(execTimeoutRange.max).default(60_000),
});
export type ExecRequest = z.output<typeof execRequestSchema>;

const message = z.string().max(2_000);

/**
 * The frame `end`. `exited`: by itself. `killed`: by a signal that Holdfast did not send. `timed-out`: its time was
 * over. `not-found`, `not-executable`: there is no such program. `failed`: it could not be run, or was cut short.
 */
export const execEndSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("exited"), code: z.int() }),
  z.object({ kind: z.literal("killed"), signal: z.string().max(20) }),
  z.object({ kind: z.literal("timed-out"), message }),
  z.object({ kind: z.literal("not-found"), message }),
  z.object({ kind: z.literal("not-executable"), message }),
  z.object({ kind: z.literal("failed"), message }),
]);
export type ExecEnd = z.output<typeof execEndSchema>;
