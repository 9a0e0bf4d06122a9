/** Random constraints over a few properties, each as a tree and as one of the many texts that say it. */
import fc from "fast-check";
import type {
  Clause,
  ClauseValue,
  Constraint,
  Properties,
  VersionRange,
} from "../../../src/core/constraints/constraint.ts";
import { parseConstraint } from "../../../src/core/constraints/parse.ts";

export const seed: number = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000_000);
export const runCount: number = Number(process.env["HOLDFAST_RUNS"] ?? 2_000);

/** A clause without what only a text has. */
export interface TreeClause extends Pick<Clause, "property" | "operator" | "value"> {
  readonly kind: "clause";
}
export type Tree =
  | TreeClause
  | { readonly kind: "and" | "or"; readonly parts: readonly [Tree, Tree, ...Tree[]] }
  | { readonly kind: "not"; readonly part: Tree };

/** The constraint that the text must be. */
export function parsed(text: string): Constraint {
  const result = parseConstraint(text);
  if (!result.ok) throw new Error(`"${text}": ${result.error.message}`);
  return result.value;
}

/** The tree of a constraint. */
export function treeOf(constraint: Constraint): unknown {
  if (constraint.kind === "clause") {
    const { kind, property, operator, value } = constraint;
    return { kind, property, operator, value };
  }
  if (constraint.kind === "not") return { kind: "not", part: treeOf(constraint.part) };
  return { kind: constraint.kind, parts: constraint.parts.map(treeOf) };
}

const names = ["cores", "zone", "gpu", "agentVersion", "disk-kinds", "constructor", "not_set"];
const versions = ["1", "1.2", "1.2.0", "1.2.10", "1.10.0", "2.0.0-rc.1", "2.0.0", "10.0"];
const words = ["a", "b", "A", "amd64", "ssd", "true", "x/y:z", "e9", "-"];
/** Only in quotes. */
const phrases = ["two words", 'a "quoted" one', "it's", "back\\slash", "a,b", "", " ", "AND", "é("];
const numbers = [0, 1, 2, 4, 1.5, -3, 1e9, 10];

const item = fc.constantFrom(...words, ...versions, ...numbers.map(String));
const anyItem = fc.oneof({ weight: 4, arbitrary: item }, fc.constantFrom(...phrases));

const rangeOf: fc.Arbitrary<VersionRange> = fc
  .record({
    ends: fc.tuple(fc.nat(versions.length - 1), fc.nat(versions.length - 1)),
    isOpen: fc.tuple(fc.boolean(), fc.boolean()),
    fromIncluded: fc.boolean(),
    toIncluded: fc.boolean(),
  })
  .filter(({ ends: [from, to], isOpen }) => (from + 2 < to && !isOpen[0]) || isOpen[1])
  .map(({ ends: [low, high], isOpen, fromIncluded, toIncluded }) => {
    const from = isOpen[0] && !isOpen[1] ? undefined : versions[low];
    const to = isOpen[1] ? undefined : versions[high];
    return {
      from,
      fromIncluded: from !== undefined && fromIncluded,
      to,
      toIncluded: to !== undefined && toIncluded,
    };
  });

const range = rangeOf.map((value): ClauseValue => ({ kind: "range", range: value }));
const list = fc
  .array(anyItem, { minLength: 1, maxLength: 4 })
  .map((items): ClauseValue => ({ kind: "list", items }));
const single = fc.oneof(
  fc
    .constantFrom(...words, ...versions, ...phrases)
    .filter((text) => Number.isNaN(Number(text)) || text.trim() === "")
    .map((text): ClauseValue => ({ kind: "text", text })),
  fc
    .constantFrom(...numbers)
    .map((number): ClauseValue => ({ kind: "number", number, text: String(number) })),
  fc.boolean().map((boolean): ClauseValue => ({ kind: "boolean", boolean })),
);

const clause: fc.Arbitrary<Tree> = fc
  .record({
    property: fc.constantFrom(...names),
    end: fc.oneof(
      fc.tuple(fc.constantFrom("==", "!=", "<", "<=", ">", ">="), single),
      fc.tuple(fc.constant("in" as const), fc.oneof(list, range)),
      fc.tuple(fc.constant("==" as const), range),
    ),
  })
  .map(({ property, end: [operator, right] }) => ({
    kind: "clause",
    property,
    operator,
    value: right,
  }));

export const trees: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    clause,
    fc
      .tuple(
        fc.constantFrom("and" as const, "or" as const),
        tie("tree"),
        tie("tree"),
        fc.array(tie("tree"), { maxLength: 2 }),
      )
      .map(([kind, first, second, rest]): Tree => ({ kind, parts: [first, second, ...rest] })),
    tie("tree").map((part): Tree => ({ kind: "not", part })),
  ),
})).tree;

const value = fc.oneof(
  fc.constantFrom(...numbers),
  fc.boolean(),
  item,
  anyItem,
  fc.array(anyItem, { maxLength: 3 }),
);

/** Most names are there, with a value of any kind. */
export const properties: fc.Arbitrary<Properties> = fc
  .array(fc.tuple(fc.constantFrom(...names.slice(0, -1)), value), { maxLength: 8 })
  .map((entries) => Object.fromEntries(entries));

/** Choices of a writer, used one after the other and again. */
export const styles: fc.Arbitrary<readonly number[]> = fc.array(fc.nat(1_000), {
  minLength: 1,
  maxLength: 30,
});

/** Writes a tree in one of the ways that mean it. */
export class Writer {
  private readonly choices: readonly number[];
  private at: number;

  constructor(choices: readonly number[]) {
    this.choices = choices;
    this.at = 0;
  }

  write(tree: Tree): string {
    const text = this.writeBare(tree);
    return this.pick(["", "", "", "("]) === "" ? text : `( ${text})`;
  }

  private writeBare(tree: Tree): string {
    if (tree.kind === "clause") return this.clause(tree);
    if (tree.kind === "not") {
      const word = this.pick(["NOT ", "not ", "! ", "!"]);
      return word + this.part(tree.part, ["and", "or"]);
    }
    const isAnd = tree.kind === "and";
    const parts = tree.parts.map((part) => this.part(part, isAnd ? ["and", "or"] : ["or"]));
    return parts.reduce((left, right) => {
      const glue = isAnd
        ? this.pick([" AND ", " and ", "&&", " && "])
        : this.pick([" OR ", " Or ", "||", "\n||\t"]);
      return left + glue + right;
    });
  }

  private part(tree: Tree, looser: readonly string[]): string {
    return looser.includes(tree.kind) ? `(${this.write(tree)})` : this.write(tree);
  }

  private clause({ property, operator, value: right }: TreeClause): string {
    const written = operator === "==" ? this.pick(["==", "="]) : operator;
    const blank = operator === "in" ? " " : this.pick(["", " ", "  "]);
    return `${property}${blank}${written}${blank}${this.value(right)}`;
  }

  private value(right: ClauseValue): string {
    if (right.kind === "boolean") return String(right.boolean);
    if (right.kind === "number") return right.text;
    if (right.kind === "range") return this.range(right.range);
    if (right.kind === "list") return this.list(right.items);
    const isBare = words.includes(right.text) || versions.includes(right.text);
    const isReserved = right.text === "true";
    return isBare && !isReserved && this.pick([true, false]) ? right.text : this.quoted(right.text);
  }

  private quoted(text: string): string {
    const quote = this.pick(['"', "'"]);
    return quote + text.replaceAll("\\", "\\\\").replaceAll(quote, `\\${quote}`) + quote;
  }

  private range({ from, to, ...included }: VersionRange): string {
    const open = included.fromIncluded ? "[" : from === undefined ? this.pick(["[", "("]) : "(";
    const close = included.toIncluded ? "]" : to === undefined ? this.pick(["]", ")"]) : ")";
    const end = to ?? this.pick(["INFINITY", "infinity", ""]);
    return `${open}${from ?? ""}${this.pick([",", ", ", " ,"])}${end}${close}`;
  }

  private list(items: readonly string[]): string {
    const isPlain = items.every(
      (text) => text.trim() === text && text !== "" && !/[,(]/.test(text),
    );
    if (isPlain && this.pick([true, false])) return this.quoted(items.join(this.pick([",", ", "])));
    return `[${items.map((text) => this.quoted(text)).join(this.pick([",", ", "]))}]`;
  }

  private pick<T>(options: readonly [T, ...T[]]): T {
    const choice = this.choices[this.at % this.choices.length] ?? 0;
    this.at += 1;
    return options[choice % options.length] ?? options[0];
  }
}
