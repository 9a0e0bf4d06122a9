/**
 * Checks that the documentation tells the truth where a machine can know: links lead somewhere, commands and
 * flags exist, cited safety properties are defined, and no state is missing from the glossary.
 */
import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import { faultsOfCommands, type HelpReader, helpFromLauncher } from "./documented-commands.ts";
import { readSources, type SourceFile } from "./sources.ts";

/** Lists of words in src/core/model, and the pages on which each word must stand. */
const wordLists = [
  { list: "managerStates", file: "src/core/model/service.ts", page: "docs/states/service.md" },
  { list: "requestedStates", file: "src/core/model/service.ts", page: "docs/states/service.md" },
  { list: "nodeStates", file: "src/core/model/node.ts", page: "docs/states/node.md" },
] as const;
const glossaryPage = "docs/glossary.md";
const safetyPage = "docs/safety.md";

/** One sentence for each thing in the documentation that is not so. */
export function checkDocs(
  root: string,
  readHelp: HelpReader = helpFromLauncher(root),
): readonly string[] {
  const pages = readSources(root, ["*.md", "docs/**/*.md"]);
  if (pages.length === 0) return ["no *.md file found: the check would prove nothing"];
  return [
    ...pages.flatMap((page) => faultsOfLinks(root, page)),
    ...pages.flatMap((page) => faultsOfCommands(page, readHelp)),
    ...faultsOfCitations(root, pages),
    ...faultsOfWords(root, pages),
  ];
}

function faultsOfLinks(root: string, page: SourceFile): readonly string[] {
  const targets = [...withoutFences(page.text).matchAll(/\]\(([^)\s]+)\)/g)].map(
    (match) => match[1] ?? "",
  );
  return targets.flatMap((target) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [file = "", anchor] = target.split("#");
    const path = file === "" ? page.path : posix.join(posix.dirname(page.path), file);
    if (!existsSync(join(root, path))) return [`${page.path}: link to "${target}" leads nowhere`];
    if (anchor === undefined || !path.endsWith(".md")) return [];
    return anchorsOf(root, path).includes(anchor)
      ? []
      : [`${page.path}: "${path}" has no heading for the link to "#${anchor}"`];
  });
}

function withoutFences(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, "");
}

function anchorsOf(root: string, path: string): readonly string[] {
  const text = readSources(root, [path])[0]?.text ?? "";
  return [...withoutFences(text).matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? "")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** `S3`, `L1` or `A4` in code and pages must be headings of docs/safety.md. */
function faultsOfCitations(root: string, pages: readonly SourceFile[]): readonly string[] {
  const safety = pages.find((page) => page.path === safetyPage);
  if (safety === undefined) return [`${safetyPage} is missing`];
  const defined = new Set(
    [...safety.text.matchAll(/^#+ ([SLA]\d+)\b/gm)].map((match) => match[1] ?? ""),
  );
  const citing = [...readSources(root, ["src/**/*.ts", "test/**/*.ts"]), ...pages];
  return citing.flatMap(({ path, text }) => {
    const cited = new Set(
      [...text.matchAll(/(?<![\w-])([SLA][1-9]\d?)(?![\w.-]*\w)/g)].map((match) => match[1] ?? ""),
    );
    return [...cited]
      .filter((name) => !defined.has(name))
      .map((name) => `${path} cites ${name}, which ${safetyPage} does not define`);
  });
}

function faultsOfWords(root: string, pages: readonly SourceFile[]): readonly string[] {
  return wordLists.flatMap(({ list, file, page }) => {
    const words = wordsOf(root, file, list);
    if (words.length === 0) return [`${file} has no list "${list}": tools/check-docs.ts needs it`];
    return [page, glossaryPage].flatMap((path) => {
      const text = pages.find((item) => item.path === path)?.text;
      if (text === undefined) return [`${path} is missing`];
      return words
        .filter((word) => !text.includes(`\`${word}\``))
        .map((word) => `${path} does not say what \`${word}\` means (${list} in ${file})`);
    });
  });
}

function wordsOf(root: string, file: string, list: string): readonly string[] {
  const text = readSources(root, [file])[0]?.text ?? "";
  const body = new RegExp(`export const ${list} = \\[([^\\]]*)\\]`).exec(text)?.[1] ?? "";
  return [...body.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? "");
}
