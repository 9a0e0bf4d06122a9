/**
 * TOPSIS (technique for order of preference by similarity to ideal solution; Hwang and Yoon, 1981) over the four
 * criteria: the alternative is best that is nearest to the best and farthest from the worst value of each.
 */
import type { Criteria } from "./usage.ts";

/** Weights of average cpu, highest cpu, average memory, highest memory: running out of memory kills services. */
const weights: Criteria = [1, 2, 5, 10];
const weightSum = weights.reduce((sum, weight) => sum + weight, 0);

/** What alternatives are measured by; made of all of them. */
export interface Yardstick {
  /** Euclidean norm of each column. */
  readonly norms: Criteria;
  /** Lowest and highest value of each column. */
  readonly best: Criteria;
  readonly worst: Criteria;
}

/** Measures all alternatives, which are gone through once. */
export function yardstickOf(alternatives: Iterable<Criteria>): Yardstick {
  const squares: [number, number, number, number] = [0, 0, 0, 0];
  const best = infinite(1);
  const worst = infinite(-1);
  for (const alternative of alternatives) {
    for (const [column, value] of alternative.entries()) {
      squares[column] = (squares[column] ?? 0) + value * value;
      best[column] = Math.min(best[column] ?? value, value);
      worst[column] = Math.max(worst[column] ?? value, value);
    }
  }
  const [a, b, c, d] = squares;
  return { norms: [Math.sqrt(a), Math.sqrt(b), Math.sqrt(c), Math.sqrt(d)], best, worst };
}

function infinite(sign: 1 | -1): [number, number, number, number] {
  const value = sign * Number.POSITIVE_INFINITY;
  return [value, value, value, value];
}

/** From 0, the worst, to 1, the best; 0 too where all alternatives are the same. */
export function closeness(alternative: Criteria, yardstick: Yardstick): number {
  const toBest = distance(alternative, yardstick.best, yardstick.norms);
  const toWorst = distance(alternative, yardstick.worst, yardstick.norms);
  const sum = toBest + toWorst;
  return sum === 0 ? 0 : toWorst / sum;
}

/** Weighted distance, each column divided by its norm. */
function distance(from: Criteria, to: Criteria, norms: Criteria): number {
  let squares = 0;
  for (let column = 0; column < weights.length; column += 1) {
    const norm = norms[column] ?? 0;
    if (norm === 0) continue;
    const difference = (from[column] ?? 0) / norm - (to[column] ?? 0) / norm;
    const weighted = difference * ((weights[column] ?? 0) / weightSum);
    squares += weighted * weighted;
  }
  return Math.sqrt(squares);
}
