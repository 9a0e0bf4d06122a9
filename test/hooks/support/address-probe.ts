/**
 * Looks at this network namespace many times a second whether it has an address, and says on standard output when that
 * changes: `<seen|missed> <CLOCK_MONOTONIC ns>`. Usage: address-probe ADDRESS.
 */
import { networkInterfaces } from "node:os";

const address = process.argv[2];
const lookEveryMs = 2;
let hadIt = false;
let lastSeenNs = 0n;

function look(): void {
  const beforeNs = process.hrtime.bigint();
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const hasIt = all.some((one) => one.address === address);
  if (hasIt && !hadIt) process.stdout.write(`seen ${process.hrtime.bigint()}\n`);
  if (hasIt) lastSeenNs = beforeNs;
  if (!hasIt && hadIt) process.stdout.write(`missed ${lastSeenNs}\n`);
  hadIt = hasIt;
}

// What the last look of a host's life has seen is told by the end of the file.
process.stdout.on("error", () => process.exit(0));
setInterval(look, lookEveryMs);
