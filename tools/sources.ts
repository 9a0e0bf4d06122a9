/** The project's own files, as the home-made checks read them. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

export interface SourceFile {
  /** Path below the checkout, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** Files below `root` that match one of the glob patterns, in order of their paths. */
export function readSources(root: string, patterns: readonly string[]): readonly SourceFile[] {
  const paths = globSync([...patterns], {
    cwd: root,
    exclude: (path) => /(^|\/)(node_modules|dist|bench-results|\.git)$/.test(path),
  });
  return paths.sort().map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

/** Parses a file, without types, with parents set. */
export function parseSource(source: SourceFile): ts.SourceFile {
  return ts.createSourceFile(source.path, source.text, ts.ScriptTarget.Latest, true);
}

/** The line of a node, counted from 1. */
export function lineOf(file: ts.SourceFile, node: ts.Node): number {
  return file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
}
