/** `bundle ...`: files for machines without internet, kept on the disks of all servers. */
import type { Command } from "commander";
import type { BundleCheck, BundleResource } from "../../../wire/bundles.ts";
import { argumentAt, type CommandContext, durationOption } from "../../command-context.ts";
import { done, fail, failOfApi, type Outcome } from "../../failure.ts";
import { formatInstant } from "../../format/quantity.ts";
import type { Session } from "../../session.ts";
import { getBundle } from "./get.ts";
import { pushBundle } from "./push.ts";
import { sizeText } from "./size-text.ts";

/** Hangs `bundle` and its verbs into the program. */
export function addBundleCommands(program: Command, context: CommandContext): void {
  const bundle = program
    .command("bundle")
    .description("files for machines without internet: packages, images, licences");
  const push = bundle
    .command("push")
    .description("keep a file on all servers; done when a majority of them has it on disk")
    .argument("<file>")
    .option("--name <name>", "what it is called (default: the file's name)")
    .option("--replace", "take the place of another file of that name")
    .addOption(
      durationOption("--timeout <duration>", "give up waiting for copies after (default: 10m)"),
    );
  context.handle(push, pushBundle);
  context.handle(
    bundle.command("list").description("all bundles, and which servers have them"),
    listBundles,
  );
  const get = bundle
    .command("get")
    .description("fetch a bundle from whichever server has it, and verify it")
    .argument("<bundle>", "its name or SHA-256")
    .option("--out <file>", "where to (default: its name, here)");
  context.handle(get, getBundle);
  const verify = bundle
    .command("verify")
    .description("have every server read its copies; damaged ones are fetched anew")
    .argument("[bundle]", "its name or SHA-256 (default: all)");
  context.handle(verify, verifyBundles);
  const remove = bundle
    .command("remove")
    .description("delete a bundle on all servers")
    .argument("<bundle>", "its name or SHA-256");
  context.handle(remove, removeBundle);
}

async function listBundles(session: Session): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.bundles();
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => {
    if (answer.value.items.length === 0)
      return "no bundles; push one with: holdfast bundle push FILE\n";
    return session.table(
      ["NAME", "SIZE", "COPIES", "MISSING ON", "PUSHED", "BY", "SHA256"],
      answer.value.items.map((bundle) => [
        bundle.name,
        sizeText(bundle.sizeBytes),
        copiesText(bundle),
        bundle.missing.join(", ") || "-",
        formatInstant(bundle.atMs),
        bundle.by,
        bundle.sha256,
      ]),
    );
  });
  return done;
}

function copiesText({ copies, missing, isSafe }: BundleResource): string {
  return `${copies.length} of ${copies.length + missing.length}${isSafe ? "" : " (too few)"}`;
}

async function removeBundle(session: Session, values: readonly string[]): Promise<Outcome> {
  const words = argumentAt(values, 0);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.removeBundle(words);
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body ?? { bundle: words }, () => `${words} is removed from all servers\n`);
  return done;
}

async function verifyBundles(session: Session, values: readonly string[]): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const [only] = values;
  const listed = only === undefined ? await client.value.bundles() : undefined;
  if (listed?.ok === false) return failOfApi(listed.error);
  const wanted =
    only === undefined ? (listed?.value.items ?? []).map((each) => each.sha256) : [only];
  const bodies: unknown[] = [];
  const rows: string[][] = [];
  let badCount = 0;
  for (const words of wanted) {
    const answer = await client.value.verifyBundle(words);
    if (!answer.ok) return failOfApi(answer.error);
    bodies.push(answer.body);
    const { name, servers } = answer.value;
    badCount += servers.filter(({ result }) => result !== "ok").length;
    rows.push(...servers.map((check) => [name, ...checkCells(check)]));
  }
  session.print(bodies, () =>
    rows.length === 0 ? "no bundles\n" : session.table(["NAME", "SERVER", "COPY", "DETAIL"], rows),
  );
  if (badCount === 0) return done;
  const copies =
    badCount === 1
      ? "1 copy is not as it should be"
      : `${badCount} copies are not as they should be`;
  return fail(1, copies, "damaged and missing ones are fetched anew by themselves");
}

function checkCells({ server, result, detail }: BundleCheck): string[] {
  return [server, result, detail === "" ? "-" : detail];
}
