/** Lets systemd run a part of Holdfast on this machine, or says how it is run by hand. */
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { done, fail, type Outcome } from "../cli/failure.ts";
import type { CliIo } from "../cli/io.ts";
import { unitOfficeOf } from "../setup/office/office-file.ts";
import { installUnit, startWords, type UnitKind } from "../setup/units.ts";

/** Tells the person what was done. */
export async function startUnit(
  kind: UnitKind,
  options: { readonly dataDirectory: string; readonly units: "install" | "leave" },
  io: CliIo,
): Promise<Outcome> {
  const { dataDirectory } = options;
  if (options.units === "leave") {
    io.stdout.write(`start it with: holdfast ${startWords[kind]} --data ${dataDirectory}\n`);
    return done;
  }
  const office = kind === "server" ? await unitOfficeOf(dataDirectory) : undefined;
  const installed = await installUnit({ kind, dataDirectory, program: programPath(), office });
  if (!installed.ok) {
    return fail(
      1,
      installed.error,
      `start it by hand with: holdfast ${startWords[kind]} --data ${dataDirectory}`,
    );
  }
  const { value } = installed;
  io.stdout.write(
    value.kind === "started"
      ? `systemd runs it as ${value.unit}\n`
      : `systemd does not run here; its unit is ${value.unit}; start it with: ${value.command}\n`,
  );
  return done;
}

/** The executable `holdfast` that this process was started by: beside the bundle's folder. */
function programPath(): string {
  const folder = dirname(realpathSync(fileURLToPath(import.meta.url)));
  // dist/roles-….js in a package, src/roles/start-unit.ts in a checkout.
  const root = folder.endsWith("roles") ? join(folder, "../..") : join(folder, "..");
  return join(root, "bin/holdfast");
}
