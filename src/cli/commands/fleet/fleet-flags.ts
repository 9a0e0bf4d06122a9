/** Flags that the commands of the fleet share. */
import { type Command, Option } from "commander";
import * as z from "zod";

const flagsSchema = z.object({
  file: z.string(),
  allowUnknownProperties: z.boolean().default(false),
});

/** Gives a command `-f`, which it needs, and `--allow-unknown-properties`. */
export function addFileFlags(command: Command): void {
  command.addOption(
    new Option("-f, --file <file>", "YAML; - reads from a pipe").makeOptionMandatory(),
  );
  addUnknownPropertiesFlag(command);
}

/** Gives a command `--allow-unknown-properties`. */
export function addUnknownPropertiesFlag(command: Command): void {
  command.option(
    "--allow-unknown-properties",
    "let constraints name properties that nothing has yet",
  );
}

/** Reads the flags of `addFileFlags`. */
export function fileFlagsOf(options: unknown): {
  readonly file: string;
  readonly unknownProperties: "allowed" | "refused";
} {
  const { file } = flagsSchema.parse(options);
  return { file, unknownProperties: unknownPropertiesOf(options) };
}

/** Reads the flag of `addUnknownPropertiesFlag`. */
export function unknownPropertiesOf(options: unknown): "allowed" | "refused" {
  const flags = flagsSchema.pick({ allowUnknownProperties: true }).parse(options);
  return flags.allowUnknownProperties ? "allowed" : "refused";
}
