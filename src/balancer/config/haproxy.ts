/** Writes a configuration for haproxy (2.4 or newer): TCP straight through, with HTTPS checks of each server. */
import type { Backend, Backends } from "./backends.ts";
import {
  type BalancerSettings,
  checkTimes,
  connectTimeoutMs,
  halfOpenIdleMs,
  writeAddress,
} from "./balancer-settings.ts";

/** The whole of `haproxy.cfg`. */
export function haproxyConfig(backends: Backends, settings: BalancerSettings): string {
  const usesNames = backends.some(({ host }) => isName(host));
  return [
    ...head,
    "",
    "global",
    "    log /dev/log local0",
    "    user haproxy",
    "    group haproxy",
    `    maxconn ${settings.connectionsMax}`,
    "",
    "defaults",
    "    mode tcp",
    "    log global",
    "    option dontlognull",
    "    option dontlog-normal",
    `    timeout connect ${connectTimeoutMs}ms`,
    `    timeout check ${checkTimes.timeoutMs}ms`,
    "    timeout client 1m",
    "    timeout server 1m",
    "    # Streams of events stay open for days; servers write to them every few seconds.",
    "    timeout tunnel 1h",
    `    timeout client-fin ${halfOpenIdleMs}ms`,
    `    timeout server-fin ${halfOpenIdleMs}ms`,
    "    # Who went without a word is noticed all the same.",
    "    option clitcpka",
    "    option srvtcpka",
    "    # A server that takes no connection: on to the next one.",
    `    retries ${Math.max(2, backends.length)}`,
    "    option redispatch 1",
    "",
    ...(usesNames ? [...resolvers, ""] : []),
    "frontend holdfast",
    `    bind ${bindAddress(settings)}`,
    `    maxconn ${settings.connectionsMax}`,
    "    default_backend holdfast-servers",
    "",
    "backend holdfast-servers",
    "    # Connections last long and differ much: their number is the load, whose turn it is is not.",
    "    balance leastconn",
    "    option log-health-checks",
    ...checkLines(settings),
    `    default-server inter ${checkTimes.intervalMs}ms fall ${checkTimes.fallCount} rise ${checkTimes.riseCount} on-marked-down shutdown-sessions`,
    ...backends.flatMap((backend) => serverLines(backend, settings)),
    "",
  ].join("\n");
}

const head: readonly string[] = [
  "# Load balancer for the servers of Holdfast. Made by: holdfast balancer config --for haproxy",
  "# Make it again when servers join or leave, check it with haproxy -c -f FILE, then: systemctl reload haproxy",
  "# TLS goes through to the servers: their certificates must hold this balancer's name.",
];

const resolvers: readonly string[] = ["resolvers system", "    parse-resolv-conf"];

function bindAddress({ listen }: BalancerSettings): string {
  return listen.host === "0.0.0.0" ? `*:${listen.port}` : writeAddress(listen);
}

function checkLines({ check }: BalancerSettings): readonly string[] {
  if (check === "tcp") return ["    # Only whether a server takes connections: --check tcp"];
  return [
    "    option httpchk",
    "    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host holdfast",
    "    http-check expect status 200",
  ];
}

function serverLines(backend: Backend, settings: BalancerSettings): readonly string[] {
  const { label, address, name } = backend;
  const words = ["server", label, address, "check", ...tlsWords(backend, settings)];
  // One that cannot be looked up now must not keep the others from being started.
  if (isName(backend.host)) words.push("resolvers", "system", "init-addr", "last,libc,none");
  return [`    # ${name}`, `    ${words.join(" ")}`];
}

function tlsWords(backend: Backend, { check, authorityFile }: BalancerSettings): readonly string[] {
  if (check === "tcp" || backend.scheme === "http") return [];
  if (authorityFile === undefined) return ["check-ssl", "verify", "none"];
  const words = ["check-ssl", "verify", "required", "ca-file", authorityFile];
  // haproxy compares names only, no addresses: for those the authority's signature has to do.
  if (isName(backend.host)) words.push("check-sni", backend.host, "verifyhost", backend.host);
  return words;
}

function isName(host: string): boolean {
  return !host.includes(":") && !/^\d+(\.\d+){3}$/.test(host);
}
