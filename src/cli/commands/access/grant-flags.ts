/** The flags that say what somebody is given: a role, and what an owner owns. */
import { type Command, Option } from "commander";
import * as z from "zod";
import { type RoleName, roleNames } from "../../../core/access/permissions-table.ts";
import { parseNodeId, parseServiceId } from "../../../core/ids.ts";
import { ok, type Result } from "../../../core/result.ts";
import { repeatedOption } from "../../command-context.ts";
import { type Failure, usage } from "../../failure.ts";

/** Gives a command the flags. */
export function addGrantOptions(command: Command): void {
  command
    .addOption(new Option("--role <role>", "what they may (see role list)").choices(roleNames))
    .addOption(repeatedOption("--owns-node <node>", "of an owner (again for more)"))
    .addOption(repeatedOption("--owns-service <id>", "of an owner (again for more)"));
}

/** What commander makes of them. */
export const grantFlags = {
  role: z.enum(roleNames).optional(),
  ownsNode: z.array(z.string()).default([]),
  ownsService: z.array(z.string()).default([]),
};

interface GivenFlags {
  readonly role?: RoleName | undefined;
  readonly ownsNode: readonly string[];
  readonly ownsService: readonly string[];
}

/** A role, and the names of what its holder owns. */
export interface GivenGrant {
  readonly role: RoleName;
  readonly ownsNodes: string[];
  readonly ownsServices: string[];
}

/** The grant; undefined: no flag says anything of it. */
export function grantOfFlags(flags: GivenFlags): Result<GivenGrant | undefined, Failure> {
  const { role, ownsNode, ownsService } = flags;
  const ownedCount = ownsNode.length + ownsService.length;
  for (const name of ownsNode) {
    const parsed = parseNodeId(name);
    if (!parsed.ok) return usage(`--owns-node: ${parsed.error}`);
  }
  for (const name of ownsService) {
    const parsed = parseServiceId(name);
    if (!parsed.ok) return usage(`--owns-service: ${parsed.error}`);
  }
  if (ownedCount > 0 && role !== "owner") {
    return usage("--owns-node and --owns-service are of owners", "give --role owner with them");
  }
  if (role === undefined) return ok(undefined);
  if (role === "owner" && ownedCount === 0) {
    return usage("an owner owns something", "give --owns-node NODE or --owns-service SERVICE");
  }
  return ok({ role, ownsNodes: [...ownsNode], ownsServices: [...ownsService] });
}

/** What somebody was given, in a few words. */
export function wordsOfGrant(grant: {
  readonly role: string;
  readonly ownsNodes: readonly string[];
  readonly ownsServices: readonly string[];
}): string {
  const owned = [...grant.ownsNodes, ...grant.ownsServices];
  return owned.length === 0 ? grant.role : `${grant.role} of ${owned.join(", ")}`;
}
