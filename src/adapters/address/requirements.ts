/** What a machine needs so that a server can hold a floating address there. */
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { FloatingAddress } from "../../ports/office.ts";
import { isOfIpv6, systemPath } from "./ip.ts";

/** Bits of the kernel's sets of rights. */
const netAdmin = 12n;
const netRaw = 13n;
const packages = { ip: "iproute2", arping: "iputils-arping" } as const;

/** What is missing, as one line with what to do about it; undefined: nothing. */
export function missingForAddress(place: FloatingAddress): string | undefined {
  const programs = isOfIpv6(place) ? (["ip"] as const) : (["ip", "arping"] as const);
  for (const program of programs) {
    if (isInstalled(program)) continue;
    const install = `on Debian: apt-get install ${packages[program]}`;
    return `the program "${program}" is not installed; ${install}`;
  }
  if (!existsSync(join("/sys/class/net", place.interface))) {
    return `there is no interface "${place.interface}"; see them with: ip link`;
  }
  const rights = effectiveRights();
  const missing = [
    ...((rights >> netAdmin) & 1n ? [] : ["CAP_NET_ADMIN"]),
    ...((rights >> netRaw) & 1n ? [] : ["CAP_NET_RAW"]),
  ];
  if (missing.length === 0) return undefined;
  return `a floating address needs the right ${missing.join(" and ")}; run the server as root, or by the unit that holdfast server init writes`;
}

function isInstalled(program: string): boolean {
  const folders = systemPath.split(delimiter).filter((folder) => folder !== "");
  return folders.some((folder) => existsSync(join(folder, program)));
}

function effectiveRights(): bigint {
  const [, rights = "0"] = /^CapEff:\s*([0-9a-f]+)$/m.exec(statusText()) ?? [];
  return BigInt(`0x${rights}`);
}

function statusText(): string {
  return readFileSync("/proc/self/status", "latin1");
}

/** A hint where neighbours are not told of an IPv6 address, and have to find out by themselves. */
export function announcementHint(place: FloatingAddress): string | undefined {
  if (!isOfIpv6(place)) return undefined;
  const setting = `net/ipv6/conf/${place.interface}/ndisc_notify`;
  const path = join("/proc/sys", setting);
  if (existsSync(path) && readFileSync(path, "latin1").trim() === "1") return undefined;
  return `neighbours are not told when ${place.address} moves, and find out after some seconds: sysctl -w ${setting.replaceAll("/", ".")}=1`;
}
