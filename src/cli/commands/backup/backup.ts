/** `backup ...`: everything that the cluster knows, in one file; and a new cluster from it. */
import { resolve } from "node:path";
import type { Command } from "commander";
import * as z from "zod";
import {
  backupEveryMsMax,
  backupEveryMsMin,
  backupKeepMax,
} from "../../../wire/backup/schedule.ts";
import {
  argumentAt,
  type CommandContext,
  countOption,
  durationOption,
} from "../../command-context.ts";
import { createBackup } from "./create.ts";
import { listBackupFiles } from "./list.ts";
import { scheduleBackups } from "./schedule.ts";
import { verifyBackupFile } from "./verify.ts";

const passphraseFlag = "--passphrase-file <file>";
const dataDefault = "/var/lib/holdfast";

/** Hangs `backup` and its verbs into the program. */
export function addBackupCommands(program: Command, context: CommandContext): void {
  const backup = program
    .command("backup")
    .description("everything that the cluster knows in one file, and a new cluster from it");
  addCreate(backup, context);
  const list = backup
    .command("list")
    .description("the backups in a folder, and what the schedule has done last")
    .argument("[folder]", `default: ${dataDefault}/backups`);
  context.handle(list, listBackupFiles);
  const verify = backup
    .command("verify")
    .description("read a backup to its end: checksums, every record, what records refer to")
    .argument("<file>")
    .option(passphraseFlag, "holds the passphrase of an encrypted one (default: asked for)");
  context.handle(verify, verifyBackupFile);
  addSchedule(backup, context);
  addRestore(backup, context);
}

function addCreate(backup: Command, context: CommandContext): void {
  const create = backup
    .command("create")
    .description("one consistent snapshot of the store with the authorities' keys, while all runs")
    .option("--to <folder>", 'where to; "-" is standard output (default: DATA/backups)')
    .option("--encrypt", "with a passphrase, which is asked for")
    .option(passphraseFlag, "encrypt it with the passphrase in this file")
    .option("--data <folder>", "of a server that does not run, instead of asking one that does")
    .addHelpText("after", createHelp);
  context.handle(create, (session, _values, options) =>
    createBackup(session, context.roles, options),
  );
}

const createHelp = `
The file holds the keys of the cluster: whoever can read it can be its admin. It is readable for its owner only; encrypt
what leaves this machine. Contents of bundles are not in it, their list is.`;

function addSchedule(backup: Command, context: CommandContext): void {
  const schedule = backup
    .command("schedule")
    .description("say when backups are made by themselves, or see it")
    .argument("[off]", "no more of them")
    .addOption(
      durationOption("--every <duration>", "e.g. 6h", {
        min: backupEveryMsMin,
        max: backupEveryMsMax,
      }),
    )
    .addOption(
      countOption("--keep <count>", "files that each server keeps (default: 14)", {
        min: 1,
        max: backupKeepMax,
      }),
    )
    .option("--to <folder>", "on the server that is manager then (default: DATA/backups)")
    .option(passphraseFlag, "on each server: encrypt with the passphrase in this file")
    .addHelpText(
      "after",
      "\nExample:\n  holdfast backup schedule --every 6h --keep 14\n  holdfast backup schedule off",
    );
  context.handle(schedule, scheduleBackups);
}

const restoreSchema = z.object({
  data: z.string().optional(),
  force: z.boolean().default(false),
  ha: z.boolean().default(false),
  host: z.string().optional(),
  port: z.number().optional(),
  putAside: z.boolean().default(false),
  wait: z.boolean().default(true),
  passphraseFile: z.string().optional(),
});

function addRestore(backup: Command, context: CommandContext): void {
  const restore = backup
    .command("restore")
    .description("make a new cluster of one server from a backup")
    .argument("<file>")
    .option("--data <folder>", `the new server's data directory (default: ${dataDefault})`)
    .option("--ha", "on etcd, so that other servers can join (default: the embedded store)")
    .option("--host <address>", "where others reach the server now (default: as before)")
    .addOption(
      countOption("--port <port>", "of its API (default: as before)", { min: 1, max: 65_533 }),
    )
    .option(passphraseFlag, "holds the passphrase of an encrypted one (default: asked for)")
    .option("--put-aside", "a stopped server in the data directory, into before-restore")
    .option("--force", "the same, and go on although servers of the backup's cluster answer")
    .option("--no-wait", "the old servers have all been off for longer than any lease lives")
    .addHelpText("after", restoreHelp);
  context.handle(restore, (session, values, options) => {
    const flags = restoreSchema.parse(options);
    const { HOLDFAST_DATA: fromEnvironment } = session.io.environment;
    return context.roles.restoreBackup(
      {
        file: argumentAt(values, 0),
        dataDirectory: resolve(flags.data ?? fromEnvironment ?? dataDefault),
        engine: flags.ha ? "etcd" : "embedded",
        existing: flags.putAside || flags.force ? "replace" : "refuse",
        oldServers: flags.force ? "may-answer" : undefined,
        host: flags.host,
        port: flags.port,
        oldLife: flags.wait ? undefined : "leases-over",
        passphraseFile: flags.passphraseFile,
      },
      session.io,
    );
  });
}

const restoreHelp = `
All servers of the old cluster must be off for good. It waits for a minute, in which nodes that hear from no server stop
what could run elsewhere; for ten where the backup says that an upgrade was under way, in which nodes go on for so long.
Were the servers lost in an upgrade that began after the backup was made, wait so long yourself before. Agents come back
by themselves where the address stays; what was started after the backup is stopped. Other servers join anew, with empty
data directories.`;
