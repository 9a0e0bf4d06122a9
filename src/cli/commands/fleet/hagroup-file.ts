/** The file of `hagroup add`: a commented template for people, and how it is read. */
import { ok, type Result } from "../../../core/result.ts";
import { type HaGroupChange, haGroupChangeSchema } from "../../../wire/fleet/ha-groups.ts";
import { type Failure, usage } from "../../failure.ts";
import { readJsonFile } from "../../input/json-file.ts";
import { failOfFaults } from "../../input/yaml-file.ts";
import type { CliIo } from "../../io.ts";

/** What `hagroup new` prints. */
export const haGroupTemplate = `{
  "name": "",              /* Optional. The name of the HA group, unless it is given to hagroup add. */
  "description": "",       /* What the nodes of this group have in common. */
  "members": [             /* The nodes of this group. A node is in one group or in none. */
    "node1",
    "node2"
  ],
  "whenMembersOffline": "continue"  /* Upgrade a member while another one is offline; or "wait" for it. */
}
`;

/** A group as a file describes it. */
export interface HaGroupFile {
  readonly name: string;
  readonly change: HaGroupChange;
}

/** Reads the file; `given` is the name on the command line, which goes before the one in the file. */
export async function readHaGroupFile(
  file: string,
  given: string | undefined,
  io: CliIo,
): Promise<Result<HaGroupFile, Failure>> {
  const read = await readJsonFile(file, io);
  if (!read.ok) return read;
  const { name: fileName, document } = read.value;
  const parsed = haGroupChangeSchema.safeParse(withoutEmptyName(document.value));
  if (!parsed.success) return failOfFaults(fileName, document, parsed.error);
  const { name: inFile, ...change } = parsed.data;
  const name = given ?? inFile;
  if (name === undefined) {
    return usage(
      "the HA group has no name",
      `write "name" into ${fileName}, or give it: holdfast hagroup add NAME --json-file ${file}`,
    );
  }
  return ok({ name, change });
}

/** As the template has it: no name. */
function withoutEmptyName(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("name" in value)) return value;
  if (value.name !== "") return value;
  const { name: _empty, ...rest } = value;
  return rest;
}
