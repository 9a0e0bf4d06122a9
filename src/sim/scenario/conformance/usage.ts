/** What services use in the recorded form: by type of figure, with the defaults of that system. */
import type { ServiceId } from "../../../core/ids.ts";
import type { Capacity } from "../../../core/model/capacity.ts";
import type { ConformanceScenario } from "./schema.ts";

const mebibyte = 1_024 ** 2;
const limitDefaults: Capacity = { cpuCores: 4, memoryBytes: 4_096 * mebibyte };
const useDefaults: Capacity = { cpuCores: 2, memoryBytes: 2_048 * mebibyte };

/** What the service may use at most. 0 cores: as many as its node has. */
export function limitsOf(usage: ConformanceScenario["usage"], service: ServiceId): Capacity {
  const { maxcpu, maxmem } = usage.static[service] ?? {};
  return {
    cpuCores: maxcpu ?? limitDefaults.cpuCores,
    memoryBytes: Math.round(maxmem ?? limitDefaults.memoryBytes),
  };
}

/** What it uses at the start. */
export function useOf(usage: ConformanceScenario["usage"], service: ServiceId): Capacity {
  const { cpu, mem } = usage.dynamic[service] ?? {};
  return {
    cpuCores: cpu ?? useDefaults.cpuCores,
    memoryBytes: Math.round(mem ?? useDefaults.memoryBytes),
  };
}

/** Bytes of a figure in MiB. */
export function bytesOfMebibytes(count: number): number {
  return Math.round(count * mebibyte);
}
