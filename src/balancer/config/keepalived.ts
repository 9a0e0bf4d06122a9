/**
 * Writes a configuration for keepalived, one file a machine: an address that moves to a machine whose server, or
 * whose own balancer, is ready.
 */
import { err, ok, type Result } from "../../core/result.ts";
import type { Backend, Backends } from "./backends.ts";
import { type BalancerSettings, checkTimes } from "./balancer-settings.ts";

export interface FloatingAddress {
  /** With the length of its prefix, e.g. `10.0.0.100/24`. */
  readonly address: string;
  readonly interfaceName: string;
  /**
   * Whose file it is. `server`: on a server's machine, and that server must be ready. `balancer`: on a balancer's
   * machine, and through it some server must be ready.
   */
  readonly follows:
    | { readonly kind: "server"; readonly backend: Backend }
    | { readonly kind: "balancer" };
  /** 1 to 254: of the machines that are ready, the highest gets the address at first. */
  readonly priority: number;
  /** 1 to 255, the same on all machines and no one else's on the network; default: from the address. */
  readonly routerId: number | undefined;
}

/** Priority of a server that nobody gave one: the first of the list is the highest. */
export function priorityOf(backends: Backends, backend: Backend): number {
  const place = backends.findIndex(({ address }) => address === backend.address);
  return Math.max(1, 200 - place);
}

/** The whole of one machine's `keepalived.conf`. */
export function keepalivedConfig(floating: FloatingAddress, settings: BalancerSettings): string {
  const { address, interfaceName, follows, priority } = floating;
  const { intervalMs, timeoutMs, fallCount, riseCount } = checkTimes;
  const where = follows.kind === "server" ? follows.backend.name : "a machine with a balancer";
  return [
    "# Floating address for Holdfast. Made by: holdfast balancer config --for keepalived",
    `# This file is for: ${where}. Each machine has its own. It needs curl.`,
    ...remarks[follows.kind],
    ...authorityRemark(follows, settings),
    "",
    "global_defs {",
    "    # The check gives up root's rights by itself: keepalived 2.2 cannot test a file that names another user here.",
    "    script_user root",
    "    enable_script_security",
    "}",
    "",
    "vrrp_script holdfast_ready {",
    `    script "${scriptOf(follows, settings)}"`,
    `    interval ${intervalMs / 1_000}`,
    `    timeout ${timeoutMs / 1_000 + 1}`,
    `    fall ${fallCount}`,
    `    rise ${riseCount}`,
    "    init_fail",
    "}",
    "",
    "vrrp_instance holdfast {",
    "    # The address stays where it is as long as that is well: each move ends all connections.",
    "    state BACKUP",
    "    nopreempt",
    `    interface ${interfaceName}`,
    `    virtual_router_id ${floating.routerId ?? routerIdOf(address)}`,
    `    priority ${priority}`,
    "    advert_int 1",
    "    virtual_ipaddress {",
    `        ${address}`,
    "    }",
    "    track_script {",
    "        holdfast_ready",
    "    }",
    "}",
    "",
  ].join("\n");
}

const remarks = {
  server: [
    "# The server must listen on the floating address too, e.g. with --listen 0.0.0.0:7440.",
    "# All traffic goes to the one machine that has the address; the others stand by.",
  ],
  balancer: ["# The balancer of this machine must listen on the floating address too."],
} as const;

/** A file that the check cannot read looks like a server that is never ready. */
function authorityRemark(
  follows: FloatingAddress["follows"],
  { authorityFile }: BalancerSettings,
): readonly string[] {
  if (follows.kind === "balancer" || authorityFile === undefined) return [];
  return [
    `# The check runs as nobody, who must be able to read ${authorityFile}:`,
    "# a copy outside of the server's data directory, with mode 0644.",
  ];
}

const asNobody = "/usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups";

function scriptOf(follows: FloatingAddress["follows"], settings: BalancerSettings): string {
  const { listen, authorityFile, check } = settings;
  // What is behind the local balancer shows a certificate for its own address, not for this one.
  const authority =
    follows.kind === "balancer" || authorityFile === undefined
      ? "--insecure"
      : `--cacert ${authorityFile}`;
  const base =
    follows.kind === "balancer"
      ? `https://${localHost(listen.host)}:${listen.port}`
      : `${follows.backend.scheme}://${follows.backend.address}`;
  const words = [asNobody, "/usr/bin/curl --silent --output /dev/null --max-time 1", authority];
  // With --fail an answer that is no 2xx is a failure; without, any answer will do.
  if (check === "readyz") words.push("--fail");
  return [...words, `${base}/readyz`].join(" ");
}

function localHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}

/** The last byte of the address: two floating addresses of one network seldom share it. */
function routerIdOf(address: string): number {
  const [host = ""] = address.split("/");
  const last = host.includes(":")
    ? Number.parseInt(host.split(":").at(-1) ?? "", 16) % 256
    : Number(host.split(".").at(-1));
  return last >= 1 && last <= 255 ? last : 51;
}

const ipv4Pattern = /^(?:\d{1,3}\.){3}\d{1,3}\/\d{1,2}$/;
const ipv6Pattern = /^[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*\/\d{1,3}$/;

/** Checks an address with its prefix; the error is one line. */
export function parseFloatingAddress(text: string): Result<string, string> {
  const [host = "", bits = ""] = text.split("/");
  const isV4 =
    ipv4Pattern.test(text) &&
    host.split(".").every((byte) => Number(byte) <= 255) &&
    Number(bits) <= 32;
  const isV6 = ipv6Pattern.test(text) && URL.canParse(`http://[${host}]`) && Number(bits) <= 128;
  if (isV4 || isV6) return ok(text);
  return err(`"${text}" is no address with its prefix; write it like 10.0.0.100/24`);
}

/** Checks the name of a network interface; the error is one line. */
export function parseInterfaceName(text: string): Result<string, string> {
  if (/^[A-Za-z0-9][A-Za-z0-9._@-]{0,14}$/.test(text)) return ok(text);
  return err(`"${text}" is no network interface; see them with: ip link`);
}
