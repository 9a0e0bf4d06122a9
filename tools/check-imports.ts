/**
 * Checks that imports go the way the house is built (tools/import-table.ts), that there is no cycle, and that
 * nobody imports a composition root. Its messages say the rule, not only the offence.
 */
import { posix } from "node:path";
import ts from "typescript";
import { findCycles } from "./import-cycles.ts";
import { compositionRoots, type ImportRule, importTable } from "./import-table.ts";
import { lineOf, parseSource, readSources, type SourceFile } from "./sources.ts";

interface Import {
  /** Path below the checkout. */
  readonly from: string;
  readonly line: number;
  readonly specifier: string;
  /** Path below the checkout when it is a file of the project. */
  readonly target: string | undefined;
}

/** One sentence for each import of src, test and tools that breaks a rule. */
export function checkImports(root: string): readonly string[] {
  const sources = readSources(root, ["src/**/*.ts", "test/**/*.ts", "tools/**/*.ts"]);
  const inSource = sources.filter((source) => source.path.startsWith("src/"));
  if (inSource.length === 0) return ["no file found below src/: the check would prove nothing"];
  const imports = sources.flatMap(importsOf);
  return [
    ...imports.flatMap(faultOfImport),
    ...inSource.filter((source) => ruleFor(source.path) === undefined).map(noRule),
    ...findCycles(edgesOf(imports)).map((cycle) => `import cycle: ${cycle.join(" → ")}`),
  ];
}

function noRule(source: SourceFile): string {
  return `${source.path}: its folder has no row in tools/import-table.ts; say there what it may import and why`;
}

function edgesOf(imports: readonly Import[]): ReadonlyMap<string, readonly string[]> {
  const edges = new Map<string, string[]>();
  for (const { from, target } of imports) {
    if (target === undefined) continue;
    const known = edges.get(from);
    if (known === undefined) edges.set(from, [target]);
    else known.push(target);
  }
  return edges;
}

/** Imports, re-exports, dynamic imports and `import("...")` types of one file. */
function importsOf(source: SourceFile): readonly Import[] {
  const file = parseSource(source);
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node);
    if (specifier !== undefined) {
      const target = specifier.startsWith(".")
        ? posix.join(posix.dirname(source.path), specifier)
        : undefined;
      found.push({ from: source.path, line: lineOf(file, node), specifier, target });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function specifierOf(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    return literalText(node.moduleSpecifier);
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return literalText(node.argument.literal);
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return literalText(node.arguments[0]);
  }
  return undefined;
}

function literalText(node: ts.Node | undefined): string | undefined {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined;
}

function faultOfImport(item: Import): readonly string[] {
  const at = `${item.from}:${item.line}`;
  if (item.target !== undefined && isCompositionRoot(item.target)) {
    return [
      `${at} imports ${item.target}, where real parts are picked: nobody imports a main.ts; move what you need into a file of its own`,
    ];
  }
  if (!item.from.startsWith("src/") || isCompositionRoot(item.from)) return [];
  const found = ruleFor(item.from);
  if (found === undefined) return []; // said once for the file
  const wrong = offence(item, found);
  return wrong === undefined ? [] : [`${at} imports ${wrong}: ${found.rule.because}`];
}

interface FoundRule {
  readonly folder: string;
  readonly rule: ImportRule;
}

/** What is wrong with the import, or undefined. */
function offence(item: Import, { folder, rule }: FoundRule): string | undefined {
  if (item.target !== undefined) {
    const allowed = [folder, ...rule.folders];
    if (allowed.includes(ruleFor(item.target)?.folder ?? "")) return undefined;
    return `${item.target}, but ${folder} may import only ${allowed.join(", ")}`;
  }
  if (item.specifier.startsWith("node:")) {
    return rule.node === "allowed"
      ? undefined
      : `"${item.specifier}", but ${folder} runs without Node.js`;
  }
  const packageName = item.specifier.split("/", item.specifier.startsWith("@") ? 2 : 1).join("/");
  if (rule.packages.includes(packageName)) return undefined;
  const packages = rule.packages.length === 0 ? "no package" : `only ${rule.packages.join(", ")}`;
  return `the package "${packageName}", but ${folder} may import ${packages}`;
}

/** The row of the table with the longest folder that holds the file. */
function ruleFor(path: string): FoundRule | undefined {
  if (isCompositionRoot(path)) return { folder: "main.ts", rule: anything };
  const inSource = path.replace(/^src\//, "");
  let best: FoundRule | undefined;
  for (const [folder, rule] of importTable) {
    if (!inSource.startsWith(`${folder}/`)) continue;
    if (best === undefined || folder.length > best.folder.length) best = { folder, rule };
  }
  return best;
}

const anything: ImportRule = { folders: [], node: "allowed", packages: [], because: "" };

function isCompositionRoot(path: string): boolean {
  return compositionRoots.some((file) => path === `src/${file}`);
}
