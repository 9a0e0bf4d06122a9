/**
 * The process of the guard of a floating address: `address-guard '{"address":...}'`. It shares no event loop with the
 * server that feeds it, takes no signal, and ends, without the address, when the server is gone.
 */
import { announceOnce } from "../adapters/address/arping.ts";
import {
  type GuardWord,
  lineBytesMax,
  parseOrder,
  parsePlace,
} from "../adapters/address/guard-protocol.ts";
import { addAddress, addressState, isOfIpv6, removeAddress } from "../adapters/address/ip.ts";
import { createLineReader } from "../agent/guard/line-reader.ts";
import type { FloatingAddress } from "../ports/office.ts";
import { createAddressKeeper } from "./keeper.ts";

/** When neighbours are told, counted from the moment that the address is here: one of them may be lost. */
const announceAfterMs = [0, 200, 500, 1_000, 2_000] as const;
const removeAgainMs = 50;

function tell(word: GuardWord): void {
  process.stdout.write(`${JSON.stringify(word)}\n`);
}

/** Tells all neighbours several times; the kernel does it for IPv6, where `ndisc_notify` is set. */
function announce(place: FloatingAddress): () => void {
  if (isOfIpv6(place)) return () => undefined;
  const running = new Set<ReturnType<typeof announceOnce>>();
  const timers = announceAfterMs.map((afterMs) =>
    setTimeout(() => {
      const child = announceOnce(place);
      running.add(child);
      child.once("close", () => running.delete(child));
    }, afterMs),
  );
  return () => {
    for (const timer of timers) clearTimeout(timer);
    for (const child of running) child.kill("SIGKILL");
  };
}

function run(place: FloatingAddress): void {
  // Before anything else: what an earlier life of this server has left.
  const leftover = removeAddress(place);
  const keeper = createAddressKeeper({
    now: () => Number(process.hrtime.bigint()) / 1e6,
    add: (lifeSeconds) => addAddress(place, lifeSeconds),
    remove: () => removeAddress(place),
    isDuplicate: () => {
      const state = isOfIpv6(place) ? addressState(place) : undefined;
      return state?.ok === true && state.value === "duplicate";
    },
    announce: () => announce(place),
    onRemoved: (because) => tell({ kind: "removed", because }),
  });
  const onLine = (line: string): void => {
    const order = parseOrder(line);
    if (order === undefined) {
      end();
      return;
    }
    const failure = order.kind === "hold" ? keeper.hold(order) : keeper.drop();
    tell({ kind: "answer", id: order.id, failure });
  };
  /** Not before it is gone; the kernel ends its life at the latest. */
  const end = (): void => {
    if (keeper.drop() === undefined) process.exit(0);
    setTimeout(end, removeAgainMs);
  };
  const read = createLineReader(lineBytesMax, onLine);
  process.stdin.setEncoding("utf8");
  process.stdin.on("data", (chunk: string) => {
    if (!read(chunk)) end();
  });
  process.stdin.once("end", end).once("error", end);
  tell({ kind: "ready", failure: leftover.ok ? undefined : leftover.error });
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGPIPE"] as const) {
  process.on(signal, () => undefined); // it ends with its server, and not before
}
// Its server is gone: its input ends too, and that is what counts.
process.stdout.on("error", () => undefined);
const place = parsePlace(process.argv[2] ?? "");
if (place === undefined) {
  process.stderr.write("usage: address-guard PLACE\n");
  process.exit(2);
}
run(place);
