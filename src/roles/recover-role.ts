/** `server recover`, with real parts: shows what this server knows, asks, and makes a cluster of one of it. */
import { systemClock as clock } from "../adapters/clock/system-clock.ts";
import { done, fail, type Outcome } from "../cli/failure.ts";
import type { CliIo } from "../cli/io.ts";
import type { ServerRecoverOptions } from "../cli/roles.ts";
import type { Log } from "../ports/log.ts";
import { openSurvivor, type Survivor } from "../setup/recover/recover-server.ts";

/** Asks before it changes anything. */
export async function recoverServerRole(
  options: ServerRecoverOptions,
  io: CliIo,
): Promise<Outcome> {
  const survivor = await openSurvivor({ ...options, clock, log: quietLog, signal: io.signal });
  if (!survivor.ok) return fail(1, survivor.error);
  if (survivor.value === "completed") {
    io.stdout.write(
      "an earlier recovery was cut off near its end; it is done now: start this server\n",
    );
    return done;
  }
  try {
    return await decide(survivor.value, options, io);
  } finally {
    await survivor.value.close();
  }
}

async function decide(
  survivor: Survivor,
  options: ServerRecoverOptions,
  io: CliIo,
): Promise<Outcome> {
  io.stdout.write(survivor.words);
  if (!options.assumeYes) {
    const answer = await io.ask('make a cluster of one from this? write "yes": ');
    if (answer?.trim() !== "yes") {
      return fail(5, "nothing was changed", "answer yes, or give --yes where nobody can be asked");
    }
  }
  io.stdout.write("waits until nothing can run on a promise of the old cluster any more\n");
  const recovered = await survivor.recover();
  if (!recovered.ok) return fail(1, recovered.error);
  io.stdout.write(`${recovered.value}\n`);
  return done;
}

/** The person reads what was found; etcd's own words are of no use here. */
const quietLog: Log = { write: () => undefined, with: () => quietLog };
