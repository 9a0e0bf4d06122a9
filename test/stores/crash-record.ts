/** What one write of the crash test consists of: keys that belong together, and one that replaces another. */
import type { Operation } from "../../src/ports/store.ts";

export const slotCount = 16;
export const keysPerSlot = 5;
/** Changes of each write: the slot's keys, its own record, the newest marker, the end of the one before. */
export const changesPerWrite: number = keysPerSlot + 3;

/** The operations of write `number`. Markers: after each write there is one only. */
export function changesOfWrite(number: number): readonly Operation[] {
  const slot = number % slotCount;
  return [
    ...Array.from({ length: keysPerSlot }, (_, index): Operation => {
      return { kind: "put", key: `slot/${slot}/${index}`, value: { number, pad: "x".repeat(200) } };
    }),
    { kind: "put", key: recordKey(number), value: number },
    { kind: "put", key: `marker/${number}`, value: number },
    { kind: "delete", key: `marker/${number - 1}` },
  ];
}

export function recordKey(number: number): string {
  return `record/${String(number).padStart(9, "0")}`;
}
