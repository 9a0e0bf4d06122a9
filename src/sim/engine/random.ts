/** Random numbers from a seed, in streams of their own: one more draw for one purpose changes no other. */

/** Draws from one stream. */
export interface Random {
  /** From 0 to below 1. */
  next(): number;
  /** A whole number from 0 to below `count`. */
  below(count: number): number;
  /** A number from 0 to below 2^32, to begin another stream with. */
  seed(): number;
}

/** A stream for one purpose (sfc32, mixed from the seed and the purpose's name). */
export function createRandom(seed: number, purpose: string): Random {
  let a = hash(purpose, seed >>> 0);
  let b = hash(purpose, Math.floor(seed / 2 ** 32) ^ 0x9e3779b9);
  let c = hash(`${purpose}.`, seed >>> 0);
  let counter = 1;
  const draw = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  for (let count = 0; count < 12; count += 1) draw();
  const next = (): number => draw() / 2 ** 32;
  return { next, below: (count) => Math.floor(next() * count), seed: draw };
}

/** FNV-1a with a last mix, over the characters' code units. */
function hash(text: string, start: number): number {
  let value = (0x811c9dc5 ^ start) | 0;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x45d9f3b);
  return (value ^ (value >>> 15)) | 0;
}
