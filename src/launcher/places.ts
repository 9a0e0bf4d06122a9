/** Where versions of an agent or a server and the word about them are, below its data directory. */
import { join } from "node:path";

/** All of it. */
export function versionsFolder(dataDirectory: string): string {
  return join(dataDirectory, "versions");
}

/** One version, as its package holds it: `package.json`, `bin`, `dist`. */
export function versionFolder(dataDirectory: string, version: string): string {
  return join(versionsFolder(dataDirectory), version);
}

/** In each version's folder, written before the folder gets its name: the SHA-256 of the package that it came from. */
export const originFile = ".sha256";

/** What the launcher runs and why: its alone to write. */
export function statePath(dataDirectory: string): string {
  return join(versionsFolder(dataDirectory), "state.json");
}

/** Written by who is to be replaced, before it ends: the version that is to be started next. */
export function orderPath(dataDirectory: string): string {
  return join(versionsFolder(dataDirectory), "order.json");
}

/** Written by a version on trial: it is healthy. */
export function healthyPath(dataDirectory: string): string {
  return join(versionsFolder(dataDirectory), "healthy.json");
}

/** Written by a version on trial, again and again while it brings its store to its schema, or back. */
export function progressPath(dataDirectory: string): string {
  return join(versionsFolder(dataDirectory), "progress.json");
}

/** What a version on trial writes to its output. */
export function trialLogPath(dataDirectory: string): string {
  return join(versionsFolder(dataDirectory), "trial.log");
}

/** Set for what a launcher has started: its process and its parent's, as `PID:PID`. */
export const launcherVariable = "HOLDFAST_LAUNCHER";

/** A cluster that was restored and counts, and is not in its place yet. */
export function restoredPath(dataDirectory: string): string {
  return join(dataDirectory, "restore.done");
}

/** In it: what was there before is out of the way. */
export function restoredKeptPath(dataDirectory: string): string {
  return join(restoredPath(dataDirectory), ".kept");
}

/** What was there before a restore, kept for a person. */
export function beforeRestorePath(dataDirectory: string): string {
  return join(dataDirectory, "before-restore");
}
