/** `check`: whether a deployment and nodes are compatible, and which clause fails where they are not. */
import type { Command } from "commander";
import * as z from "zod";
import { ok } from "../../../core/result.ts";
import type { CheckLine } from "../../../wire/fleet/resources.ts";
import { argumentAt, type CommandContext } from "../../command-context.ts";
import { failOfApi, type Outcome } from "../../failure.ts";
import type { Cell } from "../../format/table.ts";
import type { Session } from "../../session.ts";

const flagsSchema = z.object({ node: z.string().optional() });

/** Hangs `check` into the program. */
export function addCheckCommand(program: Command, context: CommandContext): void {
  const check = program
    .command("check")
    .description(
      "whether a deployment fits nodes, with the clause that fails; exit code 1: none fits",
    )
    .argument("<deployment>")
    .option("--node <node>", "only this one");
  context.handle(check, runCheck);
}

async function runCheck(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const deployment = argumentAt(values, 0);
  const { node } = flagsSchema.parse(options);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.check({ deployment, ...(node === undefined ? {} : { node }) });
  if (!answer.ok) return failOfApi(answer.error);
  const { items } = answer.value;
  session.print(answer.body, () => textOf(session, deployment, items));
  return ok(items.some(({ compatible }) => compatible) ? 0 : 1);
}

function textOf(session: Session, deployment: string, items: readonly CheckLine[]): string {
  if (items.length === 0) return `there is no node that ${deployment} could run on\n`;
  const fitting = items.filter(({ compatible }) => compatible).length;
  const rows = items.map((item) => [
    item.node,
    fitsCell(session, item),
    item.version ?? "-",
    whyText(item),
  ]);
  const summary = `${deployment} fits ${fitting} of ${items.length} nodes\n`;
  return session.table(["NODE", "FITS", "VERSION", "WHY NOT"], rows) + summary;
}

function fitsCell({ colours }: Session, { compatible }: CheckLine): Cell {
  return compatible
    ? { text: "yes", paint: (text) => colours.paint("green", text) }
    : { text: "no", paint: (text) => colours.paint("red", text) };
}

/** The versions that do not fit, those of one reason together. */
function whyText({ refusals }: CheckLine): string {
  const reasons = new Map<string, string[]>();
  for (const { version, because } of refusals) {
    reasons.set(because, [...(reasons.get(because) ?? []), version]);
  }
  const lines = [...reasons].map(([because, versions]) =>
    reasons.size === 1 ? because : `${versions.join(", ")}: ${because}`,
  );
  return lines.join("; ") || "-";
}
