/** `version`: which Holdfast this is. */
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { done } from "../failure.ts";

/** Version of this program; the same as in package.json, which a test compares. */
export const programVersion = "0.1.0";

/** Hangs `version` into the program. */
export function addVersionCommand(program: Command, context: CommandContext): void {
  const version = program.command("version").description("print the version");
  context.handle(version, async (session) => {
    const body = { version: programVersion, node: process.version };
    session.print(body, () => `holdfast ${programVersion}\n`);
    return done;
  });
}
