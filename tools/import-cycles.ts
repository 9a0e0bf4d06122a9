/** Finds import cycles: groups of files of which each imports each other, directly or by way of others. */

/** Files by what they import. */
export type ImportEdges = ReadonlyMap<string, readonly string[]>;

/** For each group of files that import each other: a shortest cycle in it, as a path that ends where it began. */
export function findCycles(edges: ImportEdges): readonly (readonly string[])[] {
  const cycles: (readonly string[])[] = [];
  const reported = new Set<string>();
  for (const file of [...edges.keys()].sort()) {
    if (reported.has(file)) continue;
    const cycle = shortestCycle(edges, file);
    if (cycle === undefined) continue;
    cycles.push(cycle);
    for (const member of groupOf(edges, file)) reported.add(member);
  }
  return cycles;
}

/** Breadth first from `start` until an import leads back to it. */
function shortestCycle(edges: ImportEdges, start: string): readonly string[] | undefined {
  const cameFrom = new Map<string, string>();
  const waiting = [start];
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
    for (const target of edges.get(file) ?? []) {
      if (target === start) return [...pathTo(cameFrom, file, start), start];
      if (cameFrom.has(target)) continue;
      cameFrom.set(target, file);
      waiting.push(target);
    }
  }
  return undefined;
}

function pathTo(cameFrom: ReadonlyMap<string, string>, file: string, start: string): string[] {
  const path = [file];
  for (let at: string | undefined = file; at !== undefined && at !== start; ) {
    at = cameFrom.get(at);
    if (at !== undefined) path.unshift(at);
  }
  return path;
}

/** All files that `file` reaches and that reach it. */
function groupOf(edges: ImportEdges, file: string): readonly string[] {
  return [...reachedFrom(edges, file)].filter((other) => reachedFrom(edges, other).has(file));
}

function reachedFrom(edges: ImportEdges, start: string): ReadonlySet<string> {
  const reached = new Set<string>();
  const waiting = [start];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    for (const target of edges.get(file) ?? []) {
      if (reached.has(target)) continue;
      reached.add(target);
      waiting.push(target);
    }
  }
  return reached;
}
