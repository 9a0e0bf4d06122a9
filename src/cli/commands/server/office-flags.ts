/** Flags of what goes with the office of manager: hooks, and a floating address. */
import { accessSync, constants, statSync } from "node:fs";
import { isIP } from "node:net";
import { resolve } from "node:path";
import type { Command } from "commander";
import * as z from "zod";
import { ok, type Result } from "../../../core/result.ts";
import { hookTimeLimitMsMax, type OfficeWishes } from "../../../wire/control-plane/office.ts";
import type { ConfigSource } from "../../../wire/control-plane/server-config.ts";
import { type Failure, usage } from "../../failure.ts";
import { parseDuration } from "../../format/quantity.ts";
import type { Session } from "../../session.ts";
import { originOf } from "../run-options.ts";

/** Fields of these flags, and of `server.yaml`. */
export const officeFields = {
  leaderHook: z.string().optional(),
  followerHook: z.string().optional(),
  hookTimeLimit: z.string().optional(),
  vip: z.string().optional(),
  vipInterface: z.string().optional(),
} as const;
type OfficeFields = z.output<z.ZodObject<typeof officeFields>>;

/** Gives a command the flags. */
export function addOfficeFlags(command: Command): void {
  command
    .option("--leader-hook <file>", "a program that is run when this server becomes manager")
    .option("--follower-hook <file>", "one that is run when it is none (any more)")
    .option("--hook-time-limit <duration>", "for each run of them (default: 30s)")
    .option("--vip <address/prefix>", "an address that the manager's server holds; none: no more")
    .option("--vip-interface <name>", "the network interface that it is put on");
}

/** What is wanted: by flags, then environment, then file. */
export function officeWishes(
  session: Session,
  flags: OfficeFields,
  file: OfficeFields = {},
): Result<OfficeWishes, Failure> {
  const { environment } = session.io;
  const found: OfficeFields = {
    leaderHook: flags.leaderHook ?? environment["HOLDFAST_LEADER_HOOK"] ?? file.leaderHook,
    followerHook: flags.followerHook ?? environment["HOLDFAST_FOLLOWER_HOOK"] ?? file.followerHook,
    hookTimeLimit:
      flags.hookTimeLimit ?? environment["HOLDFAST_HOOK_TIME_LIMIT"] ?? file.hookTimeLimit,
    vip: flags.vip ?? environment["HOLDFAST_VIP"] ?? file.vip,
    vipInterface: flags.vipInterface ?? environment["HOLDFAST_VIP_INTERFACE"] ?? file.vipInterface,
  };
  const leaderHook = programOf("--leader-hook", found.leaderHook);
  if (!leaderHook.ok) return leaderHook;
  const followerHook = programOf("--follower-hook", found.followerHook);
  if (!followerHook.ok) return followerHook;
  const hookTimeLimitMs = timeLimitOf(found.hookTimeLimit);
  if (!hookTimeLimitMs.ok) return hookTimeLimitMs;
  const address = addressOf(found.vip, found.vipInterface);
  if (!address.ok) return address;
  return ok({
    leaderHook: leaderHook.value,
    followerHook: followerHook.value,
    hookTimeLimitMs: hookTimeLimitMs.value,
    address: address.value,
  });
}

/** Where `officeWishes` finds what it says. */
export function officeOriginsOf(
  { io: { environment } }: Session,
  flags: OfficeFields,
  file: OfficeFields,
): Readonly<Record<keyof OfficeFields, ConfigSource>> {
  const origin = (field: keyof OfficeFields, variable: string): ConfigSource =>
    originOf(flags[field], environment[variable], file[field]);
  return {
    leaderHook: origin("leaderHook", "HOLDFAST_LEADER_HOOK"),
    followerHook: origin("followerHook", "HOLDFAST_FOLLOWER_HOOK"),
    hookTimeLimit: origin("hookTimeLimit", "HOLDFAST_HOOK_TIME_LIMIT"),
    vip: origin("vip", "HOLDFAST_VIP"),
    vipInterface: origin("vipInterface", "HOLDFAST_VIP_INTERFACE"),
  };
}

/** Said at once, and not when the office is won. */
function programOf(flag: string, file: string | undefined): Result<string | undefined, Failure> {
  if (file === undefined || file === "none") return ok(file);
  const path = resolve(file);
  try {
    accessSync(path, constants.X_OK);
    if (statSync(path).isFile()) return ok(path);
  } catch {
    // It is told below, with what to do.
  }
  return usage(`${flag}: "${path}" is no program that can be run`, "name an executable file");
}

function timeLimitOf(text: string | undefined): Result<number | undefined, Failure> {
  if (text === undefined) return ok(undefined);
  const parsed = parseDuration(text);
  if (parsed.ok && parsed.value >= 100 && parsed.value <= hookTimeLimitMsMax) return parsed;
  return usage(`--hook-time-limit: "${text}" is no time limit`, "write 100ms to 10m");
}

function addressOf(
  text: string | undefined,
  name: string | undefined,
): Result<OfficeWishes["address"], Failure> {
  if (text === undefined && name === undefined) return ok(undefined);
  if (text === "none") return ok("none");
  if (text === undefined || name === undefined) {
    return usage("a floating address needs --vip and --vip-interface", "give both");
  }
  const [address = "", prefix = "", ...rest] = text.split("/");
  const prefixLength = Number(prefix);
  const bitsMax = isIP(address) === 4 ? 32 : 128;
  const isGood =
    isIP(address) !== 0 && /^\d{1,3}$/.test(prefix) && prefixLength >= 1 && prefixLength <= bitsMax;
  if (!isGood || rest.length > 0) {
    return usage(`--vip: "${text}" is no address with its prefix`, "write it like 10.0.0.5/24");
  }
  if (!/^[^\s/]{1,15}$/.test(name)) return usage(`--vip-interface: "${name}" is no interface`);
  return ok({ address, prefixLength, interface: name });
}
