/** Packages of Holdfast for tests, as `npm pack` makes them: one build, in several versions, some of them broken. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { programVersion } from "../../../src/cli/commands/version.ts";
import { buildAll } from "../../../tools/build.ts";

const root = join(import.meta.dirname, "../../..");

export interface TestPackage {
  readonly version: string;
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Its main file, as it is after an installation. */
  readonly main: string;
}

export interface PackageWorkshop {
  readonly folder: string;
  /** A package of this version; `main` takes the place of its main file. */
  make(version: string, main?: string): TestPackage;
  remove(): void;
}

/** Builds once, into a folder of its own in `directory`; `source`: another folder with the same tree. */
export async function openWorkshop(
  source: string = root,
  directory: string = tmpdir(),
): Promise<PackageWorkshop> {
  const folder = mkdtempSync(join(directory, "hf-packages-"));
  const built = join(folder, "dist");
  try {
    await buildAll({ root: source, outputFolder: built, keep: "none" });
  } catch (error: unknown) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    folder,
    make: (version, main) => makePackage({ folder, built, version, main }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

interface Order {
  readonly folder: string;
  readonly built: string;
  readonly version: string;
  readonly main: string | undefined;
}

function makePackage({ folder, built, version, main }: Order): TestPackage {
  const place = join(folder, `package-${version}`);
  mkdirSync(place);
  cpSync(built, join(place, "dist"), { recursive: true });
  cpSync(join(root, "bin"), join(place, "bin"), { recursive: true });
  const about: object = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  writeFileSync(join(place, "package.json"), JSON.stringify({ ...about, version, scripts: {} }));
  setVersion(join(place, "dist"), version);
  if (main !== undefined) writeFileSync(join(place, "dist/main.js"), main);
  const words = ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder];
  const name = execFileSync("npm", words, { cwd: place, encoding: "utf8" }).trim();
  return { ...packageAt(join(folder, name), version), main: join(place, "dist/main.js") };
}

/** A file as a package, whatever is in it. */
export function packageAt(path: string, version: string): Omit<TestPackage, "main"> {
  const content = readFileSync(path);
  const sha256 = createHash("sha256").update(content).digest("hex");
  return { version, path, sha256, sizeBytes: content.length };
}

/** The version that the program says is a constant in it. */
function setVersion(dist: string, version: string): void {
  let count = 0;
  for (const name of readdirSync(dist)) {
    const path = join(dist, name);
    if (!name.endsWith(".js")) continue;
    const text = readFileSync(path, "utf8");
    const changed = text.replace(`programVersion = "${programVersion}"`, () => {
      count += 1;
      return `programVersion = "${version}"`;
    });
    if (changed !== text) writeFileSync(path, changed);
  }
  if (count !== 1) throw new Error(`the version is in the build ${count} times, not once`);
}
