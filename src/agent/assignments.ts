/** Turns instructions from the wire into what the core decides by, and keeps the rest of them for the drivers. */
import type { AgentInstruction } from "../core/agent/state.ts";
import { serviceTypeOf } from "../core/ids.ts";
import type { Instruction } from "../wire/agent-protocol.ts";
import type { StoredServiceConfig } from "../wire/service-config.ts";

/** Parts of a driver's configuration that a running copy takes over without a restart. */
const softFields: ReadonlySet<string> = new Set([
  "health",
  "log",
  "restart",
  "stopSignal",
  "stopTimeoutMs",
]);

/** The part of a configuration that is the driver's: the one under its type's name. */
export function driverPartOf(config: StoredServiceConfig): unknown {
  const parts: Readonly<Record<string, unknown>> = config;
  return parts[serviceTypeOf(config.id)];
}

/** What the core has to know of an instruction. */
export function agentInstructionOf(instruction: Instruction): AgentInstruction {
  const { config } = instruction;
  const restart = config.process?.restart;
  return {
    service: instruction.service,
    uid: instruction.uid,
    state: instruction.state,
    node: instruction.node,
    nodeEpoch: instruction.nodeEpoch,
    target: instruction.target,
    moveBy: instruction.moveBy,
    suspended: instruction.suspended,
    clearLocks: instruction.clearLocks,
    stopTimeoutMs: instruction.stopTimeoutMs,
    survivesIsolation: instruction.survivesIsolation,
    restartCountMax: config.maxRestart,
    restartDelayMs: restart?.delayMs ?? 500,
    restartDelayMsMax: restart?.delayMsMax ?? 30_000,
    restartResetAfterMs: restart?.resetAfterMs ?? 60_000,
    restartKey: restartKeyOf(config),
    configurationKey: configurationKeyOf(config),
    configRevision: instruction.configRevision,
  };
}

/** The same text for configurations between which a running copy need not be restarted. */
export function restartKeyOf(config: StoredServiceConfig): string {
  const part = driverPartOf(config);
  if (typeof part !== "object" || part === null) return "";
  const hard = Object.entries(part).filter(([name]) => !softFields.has(name));
  return stableText(Object.fromEntries(hard));
}

/** The same text for configurations that are the same to the driver. */
export function configurationKeyOf(config: StoredServiceConfig): string {
  return stableText(driverPartOf(config));
}

/** JSON with the keys of objects in order. */
function stableText(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(
      Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1)),
    );
  });
}
