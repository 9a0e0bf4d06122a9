/**
 * Bundles Holdfast and the libraries it uses into dist/, so that an installed package needs nothing but Node.js.
 * Also collects the licences of what was bundled. `--clean` removes all that earlier builds left, as for a package.
 */
import {
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { type BuildResult, build, type OutputFile } from "esbuild";
import { rollingFrom } from "../src/core/migrations/plan.ts";
import type { SchemaFile } from "../src/wire/packages/package-file.ts";
import { bundledPackages, licenseText } from "./licenses.ts";

/** Entry points by the name of the file in dist/ that they become. */
const entryPoints = {
  main: "src/main.ts",
  guard: "src/agent/guard/main.ts",
  "address-guard": "src/address-guard/main.ts",
  launcher: "src/launcher/main.ts",
  "fuzz-worker": "src/cli/fuzz/worker.ts",
  "demo-web": "src/demo/workloads/web.ts",
  "demo-worker": "src/demo/workloads/worker.ts",
};

/** A process that was started from an earlier build may still load its chunks: they stay for a day. */
const staleChunkMsMin = 24 * 60 * 60 * 1_000;

/** CommonJS libraries ask for Node's own modules by `require`, which an ES module does not have. */
const requireBanner =
  'import { createRequire as createRequireOfNode } from "node:module"; const require = createRequireOfNode(import.meta.url);';

export interface BuildOptions {
  /** The checkout's folder; entry points and node_modules are below it. */
  readonly root: string;
  /** Default: the two entry points of Holdfast. */
  readonly entryPoints?: Readonly<Record<string, string>>;
  /** Default: `dist` below `root`. */
  readonly outputFolder?: string;
  /** `recent`: chunks of the last day's builds stay. Default: `recent`. */
  readonly keep?: "recent" | "none";
}

/** Builds and writes the result; throws with esbuild's messages when the sources do not bundle. */
export async function buildAll(options: BuildOptions): Promise<void> {
  const startedAt = new Date();
  const outputFolder = options.outputFolder ?? join(options.root, "dist");
  const about = options.entryPoints === undefined ? await schemaOf(options.root) : undefined;
  const result = await build({
    absWorkingDir: options.root,
    entryPoints: { ...(options.entryPoints ?? entryPoints) },
    outdir: outputFolder,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    chunkNames: "chunk-[hash]",
    banner: { js: requireBanner },
    legalComments: "none",
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  const packages = bundledPackages(options.root, Object.keys(result.metafile.inputs));
  const current = writeOutput(outputFolder, result, licenseText(packages), startedAt);
  if (about !== undefined) {
    const path = join(outputFolder, "schema.json");
    writeInPlace(path, JSON.stringify(about), startedAt);
    current.add(path);
  }
  const keptForMs = options.keep === "none" ? Number.NEGATIVE_INFINITY : staleChunkMsMin;
  removeOthers(outputFolder, current, keptForMs);
}

/** What the program wants of the store: servers look at it before they are upgraded to the package. */
async function schemaOf(root: string): Promise<SchemaFile> {
  const path = pathToFileURL(join(root, "src/core/migrations/program.ts")).href;
  const { programMigrations }: typeof import("../src/core/migrations/program.ts") = await import(
    path
  );
  return { schema: programMigrations.schema, rollingFrom: rollingFrom(programMigrations) };
}

/** Chunks first and entry points last, each renamed into place, so that no half-written build is ever run. */
function writeOutput(
  outputFolder: string,
  result: BuildResult<{ write: false }>,
  licenses: string,
  startedAt: Date,
): Set<string> {
  mkdirSync(outputFolder, { recursive: true });
  const isChunk = (file: OutputFile): boolean => file.path.includes("/chunk-");
  const ordered = [
    ...result.outputFiles.filter(isChunk),
    ...result.outputFiles.filter((file) => !isChunk(file)),
  ];
  const licensesPath = join(outputFolder, "THIRD-PARTY-LICENSES.txt");
  writeInPlace(licensesPath, licenses, startedAt);
  for (const file of ordered) writeInPlace(file.path, file.contents, startedAt);
  return new Set([licensesPath, ...ordered.map((file) => file.path)]);
}

/** The file's time is that of the build's start: a source that changed meanwhile is newer, and built again. */
function writeInPlace(path: string, contents: string | Uint8Array, at: Date): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, contents);
  utimesSync(temporary, at, at);
  renameSync(temporary, path);
}

function removeOthers(folder: string, current: ReadonlySet<string>, keptForMs: number): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (current.has(path)) continue;
    const ageMs = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (ageMs > keptForMs) rmSync(path, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const root = join(import.meta.dirname, "..");
  try {
    await buildAll({ root, keep: process.argv.includes("--clean") ? "none" : "recent" });
  } catch (error: unknown) {
    process.stderr.write(`build: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

if (import.meta.main) await main();
