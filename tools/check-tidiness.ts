/**
 * Checks the sizes and shapes that keep the code readable: short files and functions, small folders, kebab-case
 * names, named exports, a docstring on every export that others build on. There are no exceptions by name.
 */
import { posix } from "node:path";
import ts from "typescript";
import { lineOf, parseSource, readSources, type SourceFile } from "./sources.ts";

/** Lines of a source file, blank ones and comments included. */
const fileLinesMax = 400;
/** Lines of a function from its first to its last, without those of functions declared in it. */
const functionLinesMax = 70;
/** Files of one folder below src/; more means two ideas. */
const folderFilesMax = 15;

/** Tests and tables are read from top to bottom: their length says nothing. */
const exemptFromLength = /^test\/|(^|\/)[a-z-]*table\.ts$/;
/** Folders whose exports others build on. */
const documentedFolders = /^src\/(core|ports|wire)\//;
const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.(ts|js)$/;

/** One sentence for each thing that is not tidy in src, test and tools. */
export function checkTidiness(root: string): readonly string[] {
  const sources = readSources(root, ["src/**/*.ts", "test/**/*.ts", "tools/**/*.{ts,js}"]);
  if (!sources.some((source) => source.path.startsWith("src/"))) {
    return ["no file found below src/: the check would prove nothing"];
  }
  return [...faultsOfFolders(sources), ...sources.flatMap(faultsOfFile)];
}

function faultsOfFolders(sources: readonly SourceFile[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { path } of sources) {
    const folder = posix.dirname(path);
    if (folder.startsWith("src")) counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return [...counts]
    .filter(([, count]) => count > folderFilesMax)
    .map(
      ([folder, count]) =>
        `${folder} holds ${count} files, at most ${folderFilesMax} are allowed: find the two ideas in it`,
    );
}

function faultsOfFile(source: SourceFile): readonly string[] {
  const file = parseSource(source);
  const faults: string[] = [];
  const name = posix.basename(source.path);
  if (!kebabCase.test(name)) faults.push(`${source.path}: file names are kebab-case`);
  const lineCount = source.text.split("\n").length - 1;
  const isExempt = exemptFromLength.test(source.path);
  if (!isExempt && lineCount > fileLinesMax) {
    faults.push(`${source.path} has ${lineCount} lines, at most ${fileLinesMax} are allowed`);
  }
  if (!/^(#!.*\n)?\/\*\*/.test(source.text) && !source.path.startsWith("test/")) {
    faults.push(`${source.path}: say at the top of the file what it is and why it exists`);
  }
  faults.push(...faultsOfExports(source, file));
  if (!isExempt) faults.push(...faultsOfFunctions(source, file));
  return faults;
}

function faultsOfExports(source: SourceFile, file: ts.SourceFile): readonly string[] {
  const faults: string[] = [];
  const needsDocstring = documentedFolders.test(source.path);
  for (const statement of file.statements) {
    const at = `${source.path}:${lineOf(file, statement)}`;
    if (isDefaultExport(statement)) faults.push(`${at}: export by name, not as default`);
    if (isStarExport(statement)) faults.push(`${at}: name what is exported instead of "export *"`);
    if (needsDocstring && isExported(statement) && !isDocumented(file, statement)) {
      faults.push(`${at}: ${nameOf(statement)} is exported and has no docstring`);
    }
  }
  return faults;
}

function isDefaultExport(statement: ts.Statement): boolean {
  if (ts.isExportAssignment(statement)) return true;
  if (ts.isExportDeclaration(statement) && statement.exportClause !== undefined) {
    const clause = statement.exportClause;
    return (
      ts.isNamedExports(clause) && clause.elements.some((item) => item.name.text === "default")
    );
  }
  return hasModifier(statement, ts.SyntaxKind.DefaultKeyword);
}

function isStarExport(statement: ts.Statement): boolean {
  if (!ts.isExportDeclaration(statement)) return false;
  return statement.exportClause === undefined || ts.isNamespaceExport(statement.exportClause);
}

function isExported(statement: ts.Statement): boolean {
  return hasModifier(statement, ts.SyntaxKind.ExportKeyword);
}

function hasModifier(statement: ts.Statement, kind: ts.SyntaxKind): boolean {
  if (!ts.canHaveModifiers(statement)) return false;
  return ts.getModifiers(statement)?.some((modifier) => modifier.kind === kind) ?? false;
}

/**
 * Its own docstring; or that of the export right before it, as a schema and its type are one thing; or, for the
 * first export, the file's comment, as a file is about its first export.
 */
function isDocumented(file: ts.SourceFile, statement: ts.Statement): boolean {
  const comments = ts.getLeadingCommentRanges(file.text, statement.getFullStart()) ?? [];
  const last = comments.at(-1);
  if (last !== undefined && file.text.startsWith("/**", last.pos)) return true;
  const exported = file.statements.filter(isExported);
  const previous = exported[exported.indexOf(statement) - 1];
  if (previous === undefined) return file.text.startsWith("/**");
  const between = file.text.slice(previous.getEnd(), statement.getStart(file));
  return between.trim() === "" && !/\n\s*\n/.test(between) && isDocumented(file, previous);
}

function nameOf(statement: ts.Statement): string {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map((item) => item.name.getText()).join(", ");
  }
  if (
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement)
  ) {
    return statement.name?.text ?? "it";
  }
  return "it";
}

function faultsOfFunctions(source: SourceFile, file: ts.SourceFile): readonly string[] {
  const faults: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && "body" in node && node.body !== undefined) {
      const lineCount = ownLinesOf(file, node);
      if (lineCount > functionLinesMax) {
        faults.push(
          `${source.path}:${lineOf(file, node)}: a function of ${lineCount} lines of its own, at most ${functionLinesMax} are allowed`,
        );
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return faults;
}

/** A function that is declared inside another counts by itself; a callback belongs to where it stands. */
function ownLinesOf(file: ts.SourceFile, outer: ts.Node): number {
  let lineCount = linesOf(file, outer);
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionDeclaration(node)) lineCount -= linesOf(file, node);
    else ts.forEachChild(node, visit);
  };
  ts.forEachChild(outer, visit);
  return lineCount;
}

function linesOf(file: ts.SourceFile, node: ts.Node): number {
  const last = file.getLineAndCharacterOfPosition(node.getEnd()).line + 1;
  return last - lineOf(file, node) + 1;
}
