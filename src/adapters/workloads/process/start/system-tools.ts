/** The system programs that the driver needs, and which containment this machine allows; found out once. */
import type { Log } from "../../../../ports/log.ts";
import type { ContainmentKind } from "../containment/containment.ts";
import { probeNamespace } from "../containment/namespace.ts";
import { findExecutable, systemPath } from "./executables.ts";

export interface SystemTools {
  readonly shellPath: string;
  readonly setprivPath: string;
  readonly unsharePath: string;
  readonly nsenterPath: string;
  readonly setsidPath: string;
  readonly containment: ContainmentKind;
}

/**
 * Finds the tools and tries the containment that is wanted. A missing tool keeps its bare name and is named by
 * whatever fails for lack of it. The error is one sentence: namespaces were demanded and do not work here.
 */
export async function findSystemTools(
  wanted: ContainmentKind | "auto",
  log: Log,
): Promise<SystemTools | { readonly fault: string }> {
  const shellPath = find("sh");
  const unsharePath = find("unshare");
  const tools = {
    shellPath,
    unsharePath,
    nsenterPath: find("nsenter"),
    setsidPath: find("setsid"),
    setprivPath: find("setpriv"),
  };
  if (wanted === "tracked") return { ...tools, containment: "tracked" };
  const fault = await probeNamespace(unsharePath, shellPath);
  if (fault === undefined) return { ...tools, containment: "namespace" };
  if (wanted === "namespace") return { fault: `PID namespaces do not work here: ${fault}` };
  log.write(
    "warn",
    "PID namespaces do not work here: processes of services are tracked by environment and descent instead",
    { reason: fault },
  );
  return { ...tools, containment: "tracked" };
}

function find(tool: string): string {
  const found = findExecutable(tool, `${process.env["PATH"] ?? ""}:${systemPath}`, "/");
  return found.ok ? found.value : tool;
}
