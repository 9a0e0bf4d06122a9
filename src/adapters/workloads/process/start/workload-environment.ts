/** The environment of a workload: its configuration's over a small clean base, never the agent's own. */
import type { PrepareRequest } from "../../../../ports/workload.ts";
import type { ProcessConfig } from "../../../../wire/process-config.ts";
import { instanceVariable } from "../containment/containment.ts";
import { systemPath } from "./executables.ts";
import type { UserAccount } from "./user-account.ts";

/** PATH, LANG and HOME, then the configuration's, then the markers, which nothing may hide. */
export function workloadEnvironment(
  request: Pick<PrepareRequest, "service" | "instanceId" | "marker">,
  configuration: ProcessConfig,
  user: UserAccount,
): Readonly<Record<string, string>> {
  return {
    PATH: process.env["PATH"] ?? systemPath,
    LANG: process.env["LANG"] ?? "C.UTF-8",
    HOME: user.home,
    ...configuration.environment,
    ...request.marker,
    HOLDFAST_SERVICE: request.service,
    [instanceVariable]: request.instanceId,
  };
}

/** What goes in front of a command so that it runs as another user; empty for the agent's own. */
export function userPrefix(setprivPath: string, user: UserAccount): readonly string[] {
  return user.change === "none" ? [] : [setprivPath, ...userOptions(user), "--"];
}

/** The same for a health check, which besides is to die with the agent. */
export function checkPrefix(setprivPath: string, user: UserAccount): readonly string[] {
  const options = user.change === "none" ? [] : userOptions(user);
  return [setprivPath, ...options, "--pdeathsig", "KILL", "--"];
}

function userOptions(user: UserAccount): readonly string[] {
  return [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--init-groups"];
}
