/** What the demo tells a person when its cluster runs: where things are and what to try. */
import { existsSync } from "node:fs";
import type { ClusterStatus } from "../wire/api.ts";

export interface WelcomeOptions {
  readonly status: ClusterStatus;
  readonly url: string;
  readonly webUrl: string;
  readonly tokenPath: string;
  readonly directory: string;
}

/** The lines of the welcome, with the three things to try as commands that work as they stand. */
export function welcomeLines(options: WelcomeOptions): readonly string[] {
  const { status, url, webUrl, tokenPath, directory } = options;
  const web = status.services.find(({ id }) => id === "process:web");
  const lost = web?.node ?? "node1";
  const free = status.nodes.find(({ services }) => services.length === 0)?.id ?? "node3";
  const program = existsSync("bin/holdfast") ? "./bin/holdfast" : "holdfast";
  return [
    "",
    `API        ${url}   (described in ${url}/openapi.json)`,
    `Token      ${tokenPath}`,
    `Web        ${webUrl}`,
    `Files      ${directory}   (logs of the server and of each node)`,
    "",
    ...serviceTable(status),
    "",
    "Three things to try, in a second terminal in this directory:",
    "",
    `  export HOLDFAST_SERVER=${url} HOLDFAST_TOKEN_FILE=${tokenPath}`,
    "",
    `  1. cut the power of ${lost} and see its services come up elsewhere; then give it back`,
    `       ${program} demo power-off ${lost}`,
    `       curl ${webUrl}`,
    `       ${program} demo power-on ${lost}`,
    `  2. ask why the web service is where it is, and look at the whole cluster`,
    `       ${program} why process:web`,
    `       ${program} status`,
    `  3. move it by hand`,
    `       ${program} service migrate process:web ${free} --wait`,
    "",
    "What happens is told here. Ctrl-C ends all of it and leaves nothing behind.",
    "",
  ];
}

/** What runs where. */
export function serviceTable(status: ClusterStatus): readonly string[] {
  const rows = status.services.map(({ id, node, state, health }) => [
    id,
    node ?? "-",
    state,
    health,
  ]);
  return tableLines([["SERVICE", "NODE", "STATE", "HEALTH"], ...rows]);
}

function tableLines(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
