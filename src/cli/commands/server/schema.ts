/** `server schema`: which shape the store has, and which this server's program wants. */
import type { Command } from "commander";
import type { CommandContext } from "../../command-context.ts";
import { done, failOfApi, type Outcome } from "../../failure.ts";
import type { Session } from "../../session.ts";

/** Hangs `schema` into `server`. */
export function addServerSchema(server: Command, context: CommandContext): void {
  const schema = server
    .command("schema")
    .description("which schema the store has, and which the servers' version wants");
  context.handle(schema, showSchema);
}

async function showSchema(session: Session): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.storeSchema();
  if (!answer.ok) return failOfApi(answer.error);
  const { stored, wanted, byVersion, migration } = answer.value;
  session.print(answer.body, () => {
    const has = `the store has schema ${stored}, of holdfast ${byVersion}`;
    const wants = stored === wanted ? "as this server wants it" : `this server wants ${wanted}`;
    const under =
      migration === undefined
        ? ""
        : `holdfast ${migration.byVersion} brings it from ${migration.from} to ${migration.to}: ${migration.doneCount} entries so far\n`;
    return `${has}: ${wants}\n${under}`;
  });
  return done;
}
