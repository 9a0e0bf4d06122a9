/** How much of a machine there is, and how much of it a service takes. */

/** An amount of machine: of a node what it has, of a service what it may use or uses. */
export interface Capacity {
  readonly cpuCores: number;
  readonly memoryBytes: number;
}
