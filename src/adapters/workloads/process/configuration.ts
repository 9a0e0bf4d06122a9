/** Reads the configuration that the agent hands over as unknown data; defaults are filled in. */
import { ok, type Result } from "../../../core/result.ts";
import type { WorkloadError } from "../../../ports/workload.ts";
import { type ProcessConfig, processConfigSchema } from "../../../wire/process-config.ts";
import { shellOwnedVariables } from "./containment/shim.ts";
import { failure } from "./workload-error.ts";

/** The configuration, or `bad-configuration` with the first fault and its path. */
export function parseConfiguration(value: unknown): Result<ProcessConfig, WorkloadError> {
  const parsed = processConfigSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const path = ["process", ...(issue?.path ?? [])].join(".");
    return failure("bad-configuration", `${path}: ${issue?.message ?? "is not valid"}`);
  }
  const { environment, command, arguments: rest } = parsed.data;
  const owned = shellOwnedVariables.find((name) => Object.hasOwn(environment, name));
  if (owned !== undefined) {
    return failure(
      "bad-configuration",
      `process.environment.${owned}: shells keep this variable for themselves; use another name`,
    );
  }
  const texts = [command, ...rest, ...Object.values(environment)];
  if (texts.some((text) => text.includes("\0"))) {
    return failure(
      "bad-configuration",
      "process: command, arguments and environment cannot hold NUL characters",
    );
  }
  return ok(parsed.data);
}
