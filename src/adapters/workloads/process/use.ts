/**
 * What workloads use of the machine: one look at the table of processes for all of them. Memory that the processes
 * of one workload share counts once, as far as it can be told without walking through their pages.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { WorkloadInstance, WorkloadUse } from "../../../ports/workload.ts";
import { type ProcessEntry, readAllProcesses, readShort } from "./containment/process-table.ts";

/** Linux counts times of processes in hundredths of a second for programs, whatever it does itself. */
const msPerTick = 10;
/** So many files are read before others get their turn. */
const readsAtOnce = 100;

/** By instance id. What belongs to an instance: its first process, its descendants, the members of its session. */
export async function readUses(
  instances: readonly WorkloadInstance[],
): Promise<ReadonlyMap<string, WorkloadUse>> {
  const families = familiesOf(instances, readAllProcesses());
  const uses = new Map<string, WorkloadUse>();
  let readCount = 0;
  for (const [instanceId, members] of families) {
    let ranTicks = 0;
    let ownBytes = 0;
    let sharedBytes = 0;
    for (const { pid, ranTicks: ticks } of members) {
      ranTicks += ticks;
      const memory = readMemory(pid);
      ownBytes += memory.ownBytes;
      sharedBytes = Math.max(sharedBytes, memory.sharedBytes);
      readCount += 1;
    }
    uses.set(instanceId, { cpuMs: ranTicks * msPerTick, memoryBytes: ownBytes + sharedBytes });
    if (readCount >= readsAtOnce) {
      readCount = 0;
      await turn();
    }
  }
  return uses;
}

function familiesOf(
  instances: readonly WorkloadInstance[],
  entries: readonly ProcessEntry[],
): ReadonlyMap<string, readonly ProcessEntry[]> {
  const byPid = new Map(entries.map((entry) => [entry.pid, entry]));
  const owners = new Map<number, string | undefined>();
  const families = new Map<string, ProcessEntry[]>();
  for (const { instanceId, root } of instances) {
    if (byPid.get(root.pid)?.startTicks !== root.startTicks) continue;
    owners.set(root.pid, instanceId);
    families.set(instanceId, []);
  }
  const roots = new Map(owners);

  /** Up the line of parents to one whose owner is known; all on the way have the same. */
  function ownerOf(entry: ProcessEntry): string | undefined {
    const line: number[] = [];
    let owner: string | undefined;
    for (let at: ProcessEntry | undefined = entry; at !== undefined; at = byPid.get(at.parentPid)) {
      if (owners.has(at.pid)) {
        owner = owners.get(at.pid);
        break;
      }
      line.push(at.pid);
      owner = roots.get(at.sessionId); // it may have lost its parent
      if (owner !== undefined) break;
    }
    for (const pid of line) owners.set(pid, owner);
    return owner;
  }

  for (const entry of entries) {
    const owner = ownerOf(entry);
    if (owner !== undefined) families.get(owner)?.push(entry);
  }
  return families;
}

interface Memory {
  readonly ownBytes: number;
  readonly sharedBytes: number;
}

function readMemory(pid: number): Memory {
  const text = readShort(`/proc/${pid}/status`) ?? ""; // of one that has ended since nothing counts
  const bytes = (line: RegExp): number => Number(line.exec(text)?.[1] ?? 0) * 1_024;
  return {
    ownBytes: bytes(/^RssAnon:\s*(\d+) kB$/m),
    sharedBytes: bytes(/^RssFile:\s*(\d+) kB$/m) + bytes(/^RssShmem:\s*(\d+) kB$/m),
  };
}
