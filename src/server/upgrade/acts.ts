/** What an upgrade does beside the store, on the manager's server. */
import type { Finding } from "../../core/upgrade/finding.ts";
import { pause } from "../../runtime/manager-pulse.ts";
import { findConflict } from "../../runtime/migrate/taken-since.ts";
import { backupSourceOf } from "../backup/backup-source.ts";
import { backupFolderOf, makeBackupFile } from "../backup/make-backup.ts";
import type { ServerContext } from "../context.ts";
import type { UpgradeActs } from "./carrier.ts";
import { checkUpgrade } from "./check.ts";
import { schemaActs } from "./waiting/acts.ts";

/** Findings that are named in a failure. */
const namedMax = 5;
/** Of a server that is being started again, as the manager of before may be, and of a launcher, which its unit brings back. */
const passing: ReadonlySet<string> = new Set([
  ...["server-not-well", "server-behind", "launcher-lost"],
]);
const passingMsMax = 30_000;
const againMs = 1_000;

/** Whether all that blocks an upgrade may be gone in a moment, without anybody. */
export function mayPass(blocks: readonly Pick<Finding, "code">[]): boolean {
  return blocks.every(({ code }) => passing.has(code));
}

/** The acts of this server. */
export function upgradeActs(context: ServerContext): UpgradeActs {
  return {
    async check({ to }, signal) {
      const untilMs = context.clock.monotonicMs() + passingMsMax;
      for (;;) {
        const checked = await checkUpgrade(context, to.sha256 ?? to.version);
        if (!checked.ok) return { outcome: "failed", detail: checked.error.detail };
        const blocks = checked.value.findings.filter(({ level }) => level === "blocks");
        if (blocks.length === 0) return { outcome: "done", detail: "nothing speaks against it" };
        if (mayPass(blocks) && !signal.aborted && context.clock.monotonicMs() < untilMs) {
          await pause(context.clock, againMs, signal);
          continue;
        }
        const words = blocks.map(({ subject, detail }) =>
          [subject, detail].filter((part) => part !== "").join(": "),
        );
        return { outcome: "failed", detail: words.slice(0, namedMax).join("; ") };
      }
    },
    async backup({ id }, signal) {
      const directory = backupFolderOf(context.dataDirectory);
      const wish = { origin: "upgrade", directory, name: `upgrade-${id}.backup`, signal } as const;
      const made = await makeBackupFile(backupSourceOf(context), wish);
      if (!made.ok) return { outcome: "failed", detail: made.error };
      const { path: file, sha256 } = made.value;
      const detail = `${file} on server ${context.serverId}`;
      return { outcome: "done", detail, backup: { server: context.serverId, file, sha256 } };
    },
    async "check-back"(_upgrade, signal) {
      const conflict = await findConflict(context.store, signal);
      if (!conflict.ok) return { outcome: "failed", detail: conflict.error };
      if (conflict.value !== undefined) return { outcome: "refused", detail: conflict.value };
      return { outcome: "done", detail: "" };
    },
    ...schemaActs(context),
  };
}
