/**
 * The address on its interface, by the program `ip`. Each call waits for the kernel's answer and blocks: the guard has
 * nothing else to do, and must not add what it was to take away meanwhile.
 */
import { spawnSync } from "node:child_process";
import { isIPv6 } from "node:net";
import { err, ok, type Result } from "../../core/result.ts";
import type { FloatingAddress } from "../../ports/office.ts";

/** Where the programs are that only administrators need. */
export const systemPath = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
const ipMsMax = 1_000;

/**
 * `duplicate`: the kernel found that another machine has it (IPv6). `fixed`: without an end of its life: it is the
 * machine's own, and none that this program added.
 */
export type AddressState = "absent" | "present" | "duplicate" | "fixed";

/**
 * Adds it, or gives it a new life, after which the kernel takes it away whatever becomes of us. It is for those who
 * call it: nothing on this machine sends from it by itself.
 */
export function addAddress(place: FloatingAddress, lifeSeconds: number): Result<void, string> {
  const state = addressState(place);
  if (!state.ok) return state;
  if (state.value === "fixed") {
    return err(`${place.address} is the machine's own address already; a floating one is nobody's`);
  }
  const life = ["valid_lft", String(lifeSeconds), "preferred_lft", "0"];
  const added = ip(["address", "replace", written(place), "dev", place.interface, ...life]);
  return added.ok ? ok(undefined) : added;
}

/** Takes away what `addAddress` added. The error says that it may still be there. */
export function removeAddress(place: FloatingAddress): Result<void, string> {
  const state = addressState(place);
  if (!state.ok) return state;
  if (state.value === "absent" || state.value === "fixed") return ok(undefined);
  const removed = ip(["address", "del", written(place), "dev", place.interface]);
  if (removed.ok) return ok(undefined);
  // The kernel may have ended its life between the two calls.
  const after = addressState(place);
  return after.ok && after.value === "absent" ? ok(undefined) : removed;
}

/** Whether it is on its interface. */
export function addressState(place: FloatingAddress): Result<AddressState, string> {
  const shown = ip(["-json", "address", "show", "dev", place.interface, "to", place.address]);
  // Without its interface there is no address either.
  if (!shown.ok) return /does not exist/.test(shown.error) ? ok("absent") : shown;
  if (!shown.value.includes('"local"')) return ok("absent");
  if (shown.value.includes(`"valid_life_time":${foreverSeconds}`)) return ok("fixed");
  return ok(shown.value.includes('"dadfailed":true') ? "duplicate" : "present");
}

/** What the kernel says of an address whose life has no end. */
const foreverSeconds = 4_294_967_295;

function written({ address, prefixLength }: FloatingAddress): string {
  return `${address}/${prefixLength}`;
}

function ip(words: readonly string[]): Result<string, string> {
  const { error, status, stdout, stderr } = spawnSync("ip", [...words], {
    encoding: "utf8",
    timeout: ipMsMax,
    killSignal: "SIGKILL",
    env: { PATH: systemPath },
  });
  if (error !== undefined) return err(`cannot run ip: ${error.message}`);
  if (status === 0) return ok(stdout);
  return err(`ip ${words.join(" ")}: ${stderr.trim() || `exit code ${status}`}`);
}

/** Whether the kernel itself asks for duplicates, and tells neighbours by advertisements and not by ARP. */
export function isOfIpv6({ address }: FloatingAddress): boolean {
  return isIPv6(address);
}
