/** Versions of services and of Holdfast: how they look, and which one is higher (Semantic Versioning 2.0.0, section 11). */
import { err, ok, type Result } from "./result.ts";

/** Longest version, in characters. */
export const versionLengthMax = 64;

const pattern = /^\d{1,9}(?:\.\d{1,9}){0,2}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;

/** Whether it is a version, as `parseVersion` has it. */
export function isVersion(text: string): boolean {
  return text.length <= versionLengthMax && pattern.test(text);
}

/** Checks a version such as `1`, `1.2`, `1.2.3` or `1.2.3-rc.1`; the error says what is wrong with it. */
export function parseVersion(text: string): Result<string, string> {
  if (isVersion(text)) return ok(text);
  return err(`"${text}" is no version: write one to three numbers, e.g. 1.2.3 or 1.2.3-rc.1`);
}

/** Less than 0: `left` is the lower one; 0: they are equal (`1.2` and `1.2.0` are). Both were checked before. */
export function compareVersions(left: string, right: string): number {
  for (let part = 0; part < 3; part += 1) {
    const difference = numberAt(left, part) - numberAt(right, part);
    if (difference !== 0) return difference;
  }
  const [leftPre, rightPre] = [preOf(left), preOf(right)];
  if (leftPre === undefined || rightPre === undefined) {
    // What comes before a release is lower than it.
    return Number(leftPre === undefined) - Number(rightPre === undefined);
  }
  return comparePre(leftPre.split("."), rightPre.split("."));
}

/** The part from 0, read in place as comparing is done for thousands of nodes; one that is not there is 0. */
function numberAt(version: string, part: number): number {
  let number = 0;
  let dotCount = 0;
  for (let at = 0; at < version.length && dotCount <= part; at += 1) {
    const character = version[at];
    if (character === "-") break;
    if (character === ".") dotCount += 1;
    else if (dotCount === part) number = number * 10 + Number(character);
  }
  return number;
}

/** What is behind the first dash; undefined: it is a release. */
function preOf(version: string): string | undefined {
  const dash = version.indexOf("-");
  return dash < 0 ? undefined : version.slice(dash + 1);
}

function comparePre(left: readonly string[], right: readonly string[]): number {
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const [one, other] = [left[index], right[index]];
    if (one === undefined || other === undefined) return one === undefined ? -1 : 1;
    const difference = compareIdentifiers(one, other);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Numbers go by their value and before words; words by their characters. */
function compareIdentifiers(one: string, other: string): number {
  const [isNumber, isOtherNumber] = [/^\d+$/.test(one), /^\d+$/.test(other)];
  if (isNumber && isOtherNumber) return Number(one) - Number(other);
  if (isNumber !== isOtherNumber) return isNumber ? -1 : 1;
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
