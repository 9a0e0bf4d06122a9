/**
 * A restored cluster has the schema of the program that restored it, which is the installed one: what an upgrade of the
 * old life had put in its place must not run on it. Done by the launcher, before it starts anything, and by a restore.
 */
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { syncFolder } from "./durable.ts";
import {
  beforeRestorePath,
  healthyPath,
  orderPath,
  progressPath,
  restoredKeptPath,
  restoredPath,
  statePath,
  versionsFolder,
} from "./places.ts";

/** Where the launcher's word about versions is; the versions themselves are not among it, and stay. */
export function versionWordPaths(dataDirectory: string): readonly string[] {
  return [orderPath, statePath, progressPath, healthyPath].map((pathOf) => pathOf(dataDirectory));
}

/**
 * Keeps that word beside what a restore has replaced: the installed version runs from now on. It can be done again
 * after a crash. Throws what the file system says.
 */
export function putVersionsAside(dataDirectory: string): void {
  const aside = join(beforeRestorePath(dataDirectory), "versions");
  const there = versionWordPaths(dataDirectory).filter((path) => existsSync(path));
  if (there.length === 0) return;
  mkdirSync(aside, { recursive: true, mode: 0o700 });
  for (const path of there) renameSync(path, join(aside, basename(path)));
  for (const folder of [aside, dirname(aside), versionsFolder(dataDirectory)]) syncFolder(folder);
}

/** Puts it aside where a restore counts and was cut off before it came to that; else does nothing. */
export function maybePutVersionsAside(dataDirectory: string): void {
  if (!existsSync(restoredPath(dataDirectory))) return;
  // What the launcher has written since belongs to the new life.
  if (!existsSync(restoredKeptPath(dataDirectory))) putVersionsAside(dataDirectory);
}
