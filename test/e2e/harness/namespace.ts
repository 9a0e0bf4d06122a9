/** Namespaces that live as long as a process that holds them: nothing is left behind when it dies. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

export type NamespaceKind = "net" | "mount";

/** An ordinary user needs a user namespace around the others. */
const asUser: readonly string[] = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];

/** Why such namespaces cannot be made here, or undefined when they can. */
export function missingNamespaces(
  kinds: readonly NamespaceKind[],
  tools: readonly string[],
): string | undefined {
  for (const tool of ["unshare", "nsenter", ...tools]) {
    const found = spawnSync("sh", ["-c", `command -v ${tool}`], { stdio: "ignore" });
    if (found.status !== 0) return `namespaces cannot be made here: "${tool}" is not installed`;
  }
  const tried = spawnSync("unshare", [...unshareFlags(kinds), "true"], { encoding: "utf8" });
  if (tried.status === 0) return undefined;
  return `namespaces cannot be made here: ${tried.stderr.trim() || String(tried.error)}`;
}

export function unshareFlags(kinds: readonly NamespaceKind[]): readonly string[] {
  return [...asUser, ...kinds.map((kind) => `--${kind}`)];
}

export interface Holder {
  readonly pid: number;
  /** Words before a command that make it run inside. */
  readonly enter: readonly string[];
  /** Ends the holder; the namespaces end with the last process inside. */
  end(): void;
}

/** Makes namespaces, runs `setup` (shell) inside, and keeps them; throws when the set-up fails. */
export async function holdNamespace(kind: NamespaceKind, setup: string): Promise<Holder> {
  const script = `set -e; ${setup}\necho ready; exec sleep 600`;
  // No `cat` or pipe games: the one line says that all is set up, the pid stays that of `unshare`.
  const child = spawn("unshare", [...unshareFlags([kind]), "sh", "-c", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await readyLine(child);
  const { pid = 0 } = child;
  const user = asUser.length === 0 ? [] : ["--user", "--preserve-credentials"];
  return {
    pid,
    enter: ["nsenter", "--target", String(pid), ...user, `--${kind}`],
    end: () => {
      child.kill("SIGKILL");
    },
  };
}

async function readyLine(child: ChildProcess): Promise<void> {
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  for (let waitedMs = 0; waitedMs < 10_000; waitedMs += 20) {
    if (text.includes("ready\n")) return;
    if (child.exitCode !== null) throw new Error("the namespace could not be set up");
    await sleep(20);
  }
  throw new Error("the namespace was not set up in time");
}
