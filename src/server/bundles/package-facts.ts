/**
 * Finds out whether a bundle that was pushed is a package of Holdfast, and vouches for it: agents are upgraded to nothing
 * that the cluster's authority has not signed.
 */
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type * as z from "zod";
import { assert } from "../../core/assert.ts";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { ok, type Result } from "../../core/result.ts";
import type { BundleRecord } from "../../wire/bundles.ts";
import type { Problem } from "../../wire/errors.ts";
import {
  packageFileBytesMax,
  packageFileSchema,
  packageFolder,
  packageLimits,
  type SchemaFile,
  schemaFileName,
  schemaFileSchema,
} from "../../wire/packages/package-file.ts";
import { type TarEntry, TarFault, tarEntries } from "../../wire/packages/tar.ts";
import type { ServerContext } from "../context.ts";
import { refuse } from "../http/problem-error.ts";

type PackageFacts = Pick<BundleRecord, "package" | "signature">;

/** Nothing for a bundle that is no package, and where no authority could sign it; a damaged package is refused. */
export async function packageFacts(
  context: Pick<ServerContext, "bundles" | "controlPlane">,
  sha256: string,
): Promise<Result<PackageFacts, Problem>> {
  const { controlPlane, bundles } = context;
  if (controlPlane === undefined) return ok({});
  const found = await contentsOf(bundles.disk.read(sha256));
  if (!found.ok) return found;
  if (found.value.kind === "other") return ok({});
  if (found.value.kind === "damaged") {
    const { version, why } = found.value;
    return refuse("bad-input", `this package of Holdfast ${version} is damaged: ${why}`);
  }
  const { version, schema } = found.value;
  const signature = await controlPlane.signPackage({ sha256, version });
  if (!signature.ok) {
    return refuse("unavailable", `this server cannot sign the package: ${signature.error}`);
  }
  return ok({ package: { version, ...schema }, signature: signature.value });
}

type Contents =
  | { readonly kind: "other" }
  | { readonly kind: "package"; readonly version: string; readonly schema?: SchemaFile | undefined }
  | { readonly kind: "damaged"; readonly version: string; readonly why: string };

async function contentsOf(content: AsyncIterable<Buffer>): Promise<Result<Contents, Problem>> {
  try {
    return ok(await packageContents(content));
  } catch (error: unknown) {
    return refuse("unavailable", `the server's disk: ${sentenceOfSystemError(error)}`);
  }
}

/** What the content is: of what is no package no more than its beginning is looked at, of a package all. */
export async function packageContents(content: AsyncIterable<Buffer>): Promise<Contents> {
  const source = Readable.from(content, { objectMode: false });
  const unpacked = createGunzip();
  source.on("error", (error) => unpacked.destroy(error));
  source.pipe(unpacked);
  let version: string | undefined;
  let schema: SchemaFile | undefined;
  try {
    for await (const entry of tarEntries(bytesOf(unpacked), packageLimits)) {
      if (!`${entry.name}/`.startsWith(packageFolder)) return { kind: "other" };
      if (entry.name === `${packageFolder}${schemaFileName}`) {
        schema = await jsonIn(entry, schemaFileSchema);
      }
      if (entry.name !== `${packageFolder}package.json`) continue;
      version = (await jsonIn(entry, packageFileSchema))?.version;
      if (version === undefined) return { kind: "other" };
    }
    return version === undefined ? { kind: "other" } : { kind: "package", version, schema };
  } catch (error: unknown) {
    if (!(error instanceof TarFault) && !isOfZlib(error)) throw error;
    if (version === undefined) return { kind: "other" };
    return { kind: "damaged", version, why: error.message };
  } finally {
    source.destroy();
    unpacked.destroy();
  }
}

/** Undefined: it is not what the schema says. */
async function jsonIn<T>(entry: TarEntry, schema: z.ZodType<T>): Promise<T | undefined> {
  if (entry.kind !== "file" || entry.sizeBytes > packageFileBytesMax) return undefined;
  const pieces: Uint8Array[] = [];
  for await (const piece of entry.content()) pieces.push(piece);
  try {
    const parsed = schema.safeParse(JSON.parse(Buffer.concat(pieces).toString("utf8")));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined; // no JSON: it is some other archive
  }
}

async function* bytesOf(stream: Readable): AsyncGenerator<Uint8Array, void> {
  for await (const piece of stream) {
    const bytes: unknown = piece;
    assert(Buffer.isBuffer(bytes), "a stream of bytes without an encoding gives buffers");
    yield bytes;
  }
}

/** It is not compressed, or its compressed form is broken. */
function isOfZlib(error: unknown): error is Error {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return code.startsWith("Z_");
}
