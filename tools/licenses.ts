/** Finds the licence of every package that a bundle contains; a package without one must not be shipped. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** What package.json says, e.g. `MIT`. */
  readonly license: string;
  /** The licence file's text; empty when the package has none but names its licence in package.json. */
  readonly text: string;
}

const packagePattern = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;
const licenseFilePattern = /^(licen[cs]e|copying)([.-].*)?$/i;

/** The packages that bundled files come from, by name. Throws when one has no licence. */
export function bundledPackages(
  root: string,
  inputs: readonly string[],
): readonly BundledPackage[] {
  const folders = new Set<string>();
  for (const input of inputs) {
    const folder = packagePattern.exec(input)?.[1];
    if (folder !== undefined) folders.add(packageFolder(root, folder));
  }
  return [...folders].sort().map(readPackage);
}

/** Names the package's outermost folder that holds its package.json. */
function packageFolder(root: string, folder: string): string {
  const path = join(root, folder);
  if (!existsSync(join(path, "package.json"))) throw new Error(`"${folder}" has no package.json`);
  return path;
}

function readPackage(folder: string): BundledPackage {
  const description: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((name) => licenseFilePattern.test(name));
  const text = file === undefined ? "" : readFileSync(join(folder, file), "utf8").trim();
  const name = textField(description, "name") ?? folder;
  const license = textField(description, "license");
  if (license === undefined) {
    throw new Error(
      `package "${name}" names no licence in its package.json: it must not be bundled`,
    );
  }
  return { name, version: textField(description, "version") ?? "", license, text };
}

function textField(value: unknown, name: string): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const field: unknown = Reflect.get(value, name);
  return typeof field === "string" ? field : undefined;
}

/** The text of dist/THIRD-PARTY-LICENSES.txt. */
export function licenseText(packages: readonly BundledPackage[]): string {
  const parts = packages.map(({ name, version, license, text }) =>
    [`${name} ${version}`, `License: ${license}`, text].filter((part) => part !== "").join("\n\n"),
  );
  const rule = `\n\n${"-".repeat(80)}\n\n`;
  return `${["Holdfast contains these packages, under their own licences.", ...parts].join(rule)}\n`;
}
