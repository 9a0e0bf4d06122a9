/** ARP by the program `arping` (iputils): who answers for the address, and telling all neighbours that it is here. */
import { type ChildProcess, execFile } from "node:child_process";
import { err, ok, type Result } from "../../core/result.ts";
import type { FloatingAddress } from "../../ports/office.ts";
import { systemPath } from "./ip.ts";

const probeSeconds = 1;
const probeMsMax = 3_000;
const announceMsMax = 1_500;

/** Whether nobody answers for the address within a second. Duplicates of IPv6 are the kernel's to find. */
export function probeAddress(place: FloatingAddress): Promise<Result<boolean, string>> {
  const count = ["-c", "1", "-w", String(probeSeconds)];
  const words = ["-D", ...count, "-I", place.interface, place.address];
  const settings = {
    timeout: probeMsMax,
    killSignal: "SIGKILL",
    env: { PATH: systemPath },
  } as const;
  return new Promise((resolve) => {
    execFile("arping", words, settings, (error, stdout, stderr) => {
      if (error === null) resolve(ok(true));
      else if (/^(Unicast|Broadcast)? ?reply from/im.test(stdout)) resolve(ok(false));
      else resolve(err(`cannot ask who has ${place.address}: ${stderr.trim() || error.message}`));
    });
  });
}

/** Sends one unsolicited ARP. The process may be killed when it is not true any more. */
export function announceOnce(place: FloatingAddress): ChildProcess {
  const words = ["-U", "-q", "-c", "1", "-w", "1", "-I", place.interface, place.address];
  const settings = {
    timeout: announceMsMax,
    killSignal: "SIGKILL",
    env: { PATH: systemPath },
  } as const;
  // Whether it was heard nobody can say: a failure is told by the neighbours, who find out by themselves.
  return execFile("arping", words, settings, () => undefined);
}
