/** Services in order of an instant: the first is found without a search, and each can be moved or taken out. */
import { compareIds, type ServiceId } from "../ids.ts";

interface Entry {
  readonly service: ServiceId;
  readonly atMs: number;
}

/** A heap by time, then by service: no entry comes after the two at twice its place plus one and two. */
export interface Queue {
  readonly entries: Entry[];
  /** Where each service is in it. */
  readonly places: Map<ServiceId, number>;
}

/** Nobody in it. */
export function createQueue(): Queue {
  return { entries: [], places: new Map() };
}

/** The earliest; undefined: there is none. */
export function firstIn(queue: Queue): Entry | undefined {
  return queue.entries[0];
}

/** Whether the service is in it. */
export function isIn(queue: Queue, service: ServiceId): boolean {
  return queue.places.has(service);
}

/** Puts the service in at this instant, in the place of any other instant. */
export function put(queue: Queue, service: ServiceId, atMs: number): void {
  const { entries, places } = queue;
  const place = places.get(service) ?? entries.length;
  if (entries[place]?.atMs === atMs) return;
  settle(queue, { service, atMs }, place);
}

/** Takes the service out; one that is not in it changes nothing. */
export function takeOut(queue: Queue, service: ServiceId): void {
  const { entries, places } = queue;
  const place = places.get(service);
  if (place === undefined) return;
  places.delete(service);
  const last = entries.pop();
  if (last !== undefined && place < entries.length) settle(queue, last, place);
}

/** Gives the entry its place, beginning at one that is free. */
function settle(queue: Queue, entry: Entry, free: number): void {
  const above = riseFrom(queue, entry, free);
  const place = above === free ? sinkFrom(queue, entry, free) : above;
  setAt(queue, place, entry);
}

/** Moves later ones down; returns the place that is free then. */
function riseFrom(queue: Queue, entry: Entry, free: number): number {
  let place = free;
  while (place > 0) {
    const above = (place - 1) >> 1;
    const parent = queue.entries[above];
    if (parent === undefined || !isBefore(entry, parent)) break;
    setAt(queue, place, parent);
    place = above;
  }
  return place;
}

/** Moves earlier ones up; returns the place that is free then. */
function sinkFrom(queue: Queue, entry: Entry, free: number): number {
  const { entries } = queue;
  let place = free;
  for (;;) {
    const [left, right] = [entries[2 * place + 1], entries[2 * place + 2]];
    if (left === undefined) return place;
    const isRight = right !== undefined && isBefore(right, left);
    const child = isRight ? right : left;
    if (!isBefore(child, entry)) return place;
    setAt(queue, place, child);
    place = 2 * place + (isRight ? 2 : 1);
  }
}

function setAt(queue: Queue, place: number, entry: Entry): void {
  queue.entries[place] = entry;
  queue.places.set(entry.service, place);
}

function isBefore(left: Entry, right: Entry): boolean {
  if (left.atMs !== right.atMs) return left.atMs < right.atMs;
  return compareIds(left.service, right.service) < 0;
}
