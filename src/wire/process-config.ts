/** The configuration of `process:...` services. Strict: an unknown field is an error, with its path. */
import * as z from "zod";

/** Upper bound of any time-out a person may set: a day. */
const timeoutMsMax = 86_400_000;
const signals = [
  "SIGTERM",
  "SIGINT",
  "SIGQUIT",
  "SIGHUP",
  "SIGUSR1",
  "SIGUSR2",
  "SIGKILL",
] as const;

const healthTiming = {
  intervalMs: z.int().min(100).max(timeoutMsMax).default(5_000),
  timeoutMs: z.int().min(50).max(timeoutMsMax).default(2_000),
  /** Failed checks in a row that make it unhealthy. */
  threshold: z.int().min(1).max(100).default(3),
  /** Failed checks do not count for so long after a start, as long as none has passed. */
  startPeriodMs: z.int().min(0).max(timeoutMsMax).default(30_000),
};

export const healthConfigSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("http"),
    url: z.url({
      protocol: /^http$/,
      error: "write a URL with http://, e.g. http://127.0.0.1:8080/health",
    }),
    ...healthTiming,
  }),
  z.strictObject({
    kind: z.literal("tcp"),
    host: z.string().min(1).max(253).default("127.0.0.1"),
    port: z.int().min(1).max(65_535),
    ...healthTiming,
  }),
  z.strictObject({
    kind: z.literal("exec"),
    command: z.string().min(1).max(4_096),
    arguments: z.array(z.string().max(4_096)).max(200).default([]),
    ...healthTiming,
  }),
]);
export type HealthConfig = z.output<typeof healthConfigSchema>;

/** The part `process` of a service's configuration. */
export const processConfigSchema = z.strictObject({
  /** A path, or a name looked up in the PATH of `environment` (default: the agent's own). */
  command: z.string().min(1).max(4_096),
  arguments: z.array(z.string().max(32_768)).max(1_000).default([]),
  environment: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "use letters, digits and _"),
      z.string().max(32_768),
    )
    .default({}),
  /** Absolute; default: a directory of its own below the agent's data directory. */
  workingDirectory: z.string().regex(/^\//, "must be an absolute path").max(4_096).optional(),
  /** Name of the system user that it runs as; only an agent that runs as root can change it. */
  user: z.string().min(1).max(64).optional(),
  stopSignal: z.enum(signals).default("SIGTERM"),
  /** After so long SIGKILL follows, to everything that it started. */
  stopTimeoutMs: z.int().min(0).max(timeoutMsMax).default(10_000),
  log: z
    .strictObject({
      bytesMax: z.int().min(4_096).max(1_073_741_824).default(10_485_760),
      /** Rotated files kept beside the current one. */
      filesMax: z.int().min(0).max(100).default(4),
    })
    .prefault({}),
  health: healthConfigSchema.optional(),
  restart: z
    .strictObject({
      /** Pause before the first restart; doubles with each further one. */
      delayMs: z.int().min(0).max(timeoutMsMax).default(500),
      delayMsMax: z.int().min(0).max(timeoutMsMax).default(30_000),
      /** It counts as started when it ran for so long (and its health check, if any, has passed). */
      settleMs: z.int().min(0).max(timeoutMsMax).default(1_000),
      /** After running so long, earlier failures are forgotten. */
      resetAfterMs: z.int().min(0).max(timeoutMsMax).default(60_000),
    })
    .prefault({}),
});
export type ProcessConfig = z.output<typeof processConfigSchema>;
