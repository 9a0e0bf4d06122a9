/**
 * Lint rules that need types, and those that keep src/core pure; Biome does formatting and all the rest. Plain
 * JavaScript, because ESLint loads a TypeScript configuration only through one more package.
 */
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

const eraseable = [
  { selector: "TSEnumDeclaration", message: "Use a union of literals: enums are not erasable." },
  { selector: "ExportDefaultDeclaration", message: "Export by name." },
];

const notInCore = [
  { selector: "AwaitExpression", message: "The core is synchronous: return an effect instead." },
  { selector: ":function[async=true]", message: "The core is synchronous: return an effect." },
  {
    selector: "NewExpression[callee.name=/^(Date|Promise|WeakRef|WeakMap|WeakSet)$/]",
    message: "The core is pure: time comes in with events, and nothing waits or is forgotten.",
  },
  { selector: "Identifier[name=/^(Intl|WeakRef)$/]", message: "Differs between machines." },
  {
    selector: "CallExpression[callee.property.name=/^(localeCompare|toLocaleString)$/]",
    message: "Differs between machines: use compareIds or an explicit comparator.",
  },
  {
    selector: "CallExpression[callee.property.name=/^(sort|toSorted)$/][arguments.length=0]",
    message: "Order is part of the output: pass a comparator.",
  },
];

const impureProperties = [
  { object: "Date", property: "now", message: "Time comes in with events." },
  { object: "performance", property: "now", message: "Time comes in with events." },
  { object: "Math", property: "random", message: "Chance comes from a generator in the state." },
];

export default defineConfig(
  { ignores: ["dist/", "node_modules/", "bench-results/"] },
  {
    files: ["**/*.ts"],
    linterOptions: { reportUnusedDisableDirectives: "error", noInlineConfig: true },
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { "@typescript-eslint": tseslint.plugin },
    rules: {
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/ban-ts-comment": "error",
      "@typescript-eslint/consistent-type-assertions": [
        "error",
        { assertionStyle: "as", objectLiteralTypeAssertions: "never" },
      ],
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-floating-promises": [
        "error",
        {
          // node:test waits for these by itself.
          allowForKnownSafeCalls: [
            { from: "package", name: ["test", "it", "describe", "suite"], package: "node:test" },
          ],
        },
      ],
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/no-unnecessary-type-assertion": "error",
      "@typescript-eslint/only-throw-error": "error",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: false, requireDefaultForNonUnion: false },
      ],
      "no-restricted-syntax": ["error", ...eraseable],
    },
  },
  {
    // A test looks at the cases that it is about.
    files: ["test/**/*.ts"],
    rules: {
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
    },
  },
  {
    files: ["src/core/**/*.ts"],
    rules: {
      "no-restricted-properties": ["error", ...impureProperties],
      "no-restricted-syntax": ["error", ...eraseable, ...notInCore],
      "no-restricted-imports": [
        "error",
        { patterns: [{ regex: "^[^.]", message: "The core imports nothing but the core." }] },
      ],
    },
  },
);
