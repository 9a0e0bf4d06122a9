/** Writes a configuration for nginx with its stream module, which notices less than haproxy does. */
import type { Backends } from "./backends.ts";
import { type BalancerSettings, connectTimeoutMs, writeAddress } from "./balancer-settings.ts";

/** The whole of `nginx.conf`. */
export function nginxConfig(backends: Backends, settings: BalancerSettings): string {
  const connectSeconds = `${connectTimeoutMs / 1_000}s`;
  return [
    ...head,
    "",
    "include /etc/nginx/modules-enabled/*.conf;",
    "worker_processes auto;",
    "# Each connection takes two: the client's and the server's.",
    `worker_rlimit_nofile ${2 * settings.connectionsMax + 1_000};`,
    "events {",
    `    worker_connections ${2 * settings.connectionsMax};`,
    "}",
    "",
    "stream {",
    "    upstream holdfast_servers {",
    "        # Connections last long and differ much: their number is the load, whose turn it is is not.",
    "        least_conn;",
    ...backends.flatMap(({ address, name }) => [
      `        # ${name}`,
      `        server ${address} max_fails=2 fail_timeout=3s;`,
    ]),
    "    }",
    "    server {",
    `        listen ${writeAddress(settings.listen)};`,
    "        proxy_pass holdfast_servers;",
    `        proxy_connect_timeout ${connectSeconds};`,
    "        # Streams of events stay open for days; servers write to them every few seconds.",
    "        proxy_timeout 1h;",
    "        proxy_socket_keepalive on;",
    "        # A server that takes no connection: on to the next one.",
    "        proxy_next_upstream on;",
    "    }",
    "}",
    "",
  ].join("\n");
}

const head: readonly string[] = [
  "# Load balancer for the servers of Holdfast. Made by: holdfast balancer config --for nginx",
  "# Make it again when servers join or leave, check it with nginx -t, then: systemctl reload nginx",
  "# TLS goes through to the servers: their certificates must hold this balancer's name.",
  "#",
  "# What nginx cannot do: it asks no server whether it is ready, it only notices that a connection fails. A server",
  "# that is cut off from its store answers 503 and goes on getting connections; one that hangs takes them in and",
  "# never answers. Connections to a server that is gone are not ended. Clients and agents that know all servers",
  "# help themselves; for all others prefer haproxy or: holdfast balancer run",
  "# With other sites on this nginx, put the block stream into its own nginx.conf instead.",
];
