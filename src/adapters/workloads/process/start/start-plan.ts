/** Checks all that can be checked before a start, and works out what exactly will be run. */
import { accessSync, chownSync, constants, statSync } from "node:fs";
import { ok, type Result } from "../../../../core/result.ts";
import type { PrepareRequest, WorkloadError } from "../../../../ports/workload.ts";
import type { ProcessConfig } from "../../../../wire/process-config.ts";
import { type DriverPaths, makePrivateDirectory } from "../paths.ts";
import { failure, messageOf } from "../workload-error.ts";
import { findExecutable, systemPath } from "./executables.ts";
import { findUser, type UserAccount } from "./user-account.ts";
import { workloadEnvironment } from "./workload-environment.ts";

export interface StartPlan {
  /** The workload's command line; the first is an absolute path. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  readonly user: UserAccount;
}

type PlanRequest = Pick<PrepareRequest, "service" | "instanceId" | "marker">;

/** The plan, or the first thing that is wrong, in one sentence that names it. */
export async function makeStartPlan(
  request: PlanRequest,
  configuration: ProcessConfig,
  paths: DriverPaths,
): Promise<Result<StartPlan, WorkloadError>> {
  const user = await findUser(configuration.user);
  if (!user.ok) return failure("bad-configuration", user.error);
  const workingDirectory = configuration.workingDirectory ?? paths.workDirectory(request.service);
  const fault =
    configuration.workingDirectory === undefined
      ? makeWorkDirectory(workingDirectory, user.value)
      : faultOfDirectory(workingDirectory);
  if (fault !== undefined) return failure("bad-configuration", fault);
  const environment = workloadEnvironment(request, configuration, user.value);
  const path = environment["PATH"] ?? systemPath;
  const executable = findExecutable(configuration.command, path, workingDirectory);
  if (!executable.ok) return failure("bad-configuration", executable.error);
  const command = [executable.value, ...configuration.arguments];
  return ok({ command, environment, workingDirectory, user: user.value });
}

/** The service's own directory belongs to its user, who need not be able to enter the ones above it. */
function makeWorkDirectory(path: string, user: UserAccount): string | undefined {
  try {
    makePrivateDirectory(path);
    if (user.change === "needed") chownSync(path, user.uid, user.gid);
    return undefined;
  } catch (error: unknown) {
    return `working directory "${path}" cannot be made: ${messageOf(error)}`;
  }
}

function faultOfDirectory(path: string): string | undefined {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return `working directory "${path}" does not exist`;
    if (!stat.isDirectory()) return `working directory "${path}" is not a directory`;
    accessSync(path, constants.X_OK);
    return undefined;
  } catch (error: unknown) {
    return `working directory "${path}" cannot be entered: ${messageOf(error)}`;
  }
}
