/** The flag `--ha-group`, of all commands that bring a machine in. */
import { InvalidArgumentError, Option } from "commander";
import { nameSchema } from "../../../wire/ids.ts";

/** A name that an HA group can have; any other is refused at once. */
export function haGroupOption(description: string): Option {
  return new Option("--ha-group <group>", description).argParser((text: string) => {
    const parsed = nameSchema.safeParse(text);
    if (parsed.success) return parsed.data;
    // commander's way to refuse a value
    throw new InvalidArgumentError(parsed.error.issues.map(({ message }) => message).join("; "));
  });
}
