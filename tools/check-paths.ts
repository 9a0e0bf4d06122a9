/** Checks that no file names a path of the machine that it was written on: a clone must work anywhere. */
import { readSources } from "./sources.ts";

/** Home and working folders of people and build machines; test data use /tmp, /var and /etc, which all have. */
const machinePath = /(?<![\w.$}/-])\/(home|root|work|Users|workspace)\/[\w.-]+/g;

/** One sentence for each machine path in the project's own files. */
export function checkPaths(root: string): readonly string[] {
  const sources = readSources(root, [
    "{src,test,tools,docs}/**/*.{ts,js,json,md,sh,yaml,svg}",
    "{bin,.ci}/*",
    "*.{md,json,js,ts}",
  ]);
  if (sources.length === 0) return ["no file found: the check would prove nothing"];
  return sources.filter(({ path }) => path !== "package-lock.json").flatMap(faultsOf);
}

function faultsOf({ path, text }: { readonly path: string; readonly text: string }): string[] {
  return text
    .split("\n")
    .flatMap((line, index) =>
      [...line.matchAll(machinePath)].map(
        ([found]) => `${path}:${index + 1} names "${found}": use a path relative to the checkout`,
      ),
    );
}
