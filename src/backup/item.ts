/** What a backup's frames hold, one after the other: records of the store, files of the server, and the summary. */
import { err, ok, type Result } from "../core/result.ts";
import type { JsonValue, StoreRevision } from "../ports/store.ts";
import { type BackupSummary, summarySchema } from "./format.ts";

/**
 * `entry`: a key, in order of their UTF-8 bytes. `changed`, `deleted`: what became of a key while the others were read;
 * they come after all entries, and count in their place. `file`: of the server's data directory.
 */
export type BackupItem =
  | {
      readonly kind: "entry" | "changed";
      readonly key: string;
      readonly value: JsonValue;
      readonly modRevision: StoreRevision;
      /** It hung on a lease, and dies with the life of the store that it was in. */
      readonly isLeased: boolean;
    }
  | { readonly kind: "deleted"; readonly key: string }
  | { readonly kind: "file"; readonly name: string; readonly text: string }
  | { readonly kind: "end"; readonly summary: BackupSummary };

/** A file of a server, by its path below the data directory. */
export interface BackupFile {
  readonly name: string;
  readonly text: string;
}

/** A server's own files, and which cluster they are of. */
export interface ServerSecrets {
  readonly files: readonly BackupFile[];
  /** Hash of the authority's key; undefined: the server was never initialised. */
  readonly cluster: string | undefined;
}

/** As text for a frame. */
export function textOfItem(item: BackupItem): string {
  switch (item.kind) {
    case "entry":
    case "changed": {
      const { key, value, modRevision, isLeased } = item;
      const letter = item.kind === "entry" ? "e" : "c";
      return JSON.stringify([letter, key, value, modRevision, isLeased ? 1 : 0]);
    }
    case "deleted":
      return JSON.stringify(["d", item.key]);
    case "file":
      return JSON.stringify(["f", item.name, item.text]);
    case "end":
      return JSON.stringify(["end", item.summary]);
    default:
      return item satisfies never;
  }
}

/** Reads a frame's text back. The error says what is wrong with it. */
export function itemsOf(text: string): Result<readonly BackupItem[], string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return err("its content is not JSON");
  }
  if (!Array.isArray(parsed)) return err("its content is no list");
  const items: BackupItem[] = [];
  for (const raw of parsed) {
    const item = Array.isArray(raw) ? itemOf(raw) : undefined;
    if (item === undefined) return err("it holds something that no backup holds");
    items.push(item);
  }
  return ok(items);
}

function itemOf([letter, name, third, revision, leased]: readonly unknown[]):
  | BackupItem
  | undefined {
  if (letter === "end") {
    const summary = summarySchema.safeParse(name);
    return summary.success ? { kind: "end", summary: summary.data } : undefined;
  }
  if (typeof name !== "string") return undefined;
  if (letter === "d") return { kind: "deleted", key: name };
  if (letter === "f") {
    return typeof third === "string" ? { kind: "file", name, text: third } : undefined;
  }
  if (letter !== "e" && letter !== "c") return undefined;
  if (third === undefined || typeof revision !== "number") return undefined;
  return {
    kind: letter === "e" ? "entry" : "changed",
    key: name,
    value: third as JsonValue, // part of what JSON.parse has made
    modRevision: revision,
    isLeased: leased === 1,
  };
}
