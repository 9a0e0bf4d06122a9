/**
 * Reads a service's output across rotations: the last lines, then, if wanted, what follows. Memory is bounded by
 * one chunk, however long lines are. A place in the output is the number of its file, counted by rotations, and
 * an offset: so a reader goes on in the right file when it is rotated under its hands.
 */
import { StringDecoder } from "node:string_decoder";
import type { ServiceId } from "../../../../core/ids.ts";
import type { Clock } from "../../../../ports/clock.ts";
import type { LogRequest } from "../../../../ports/workload.ts";
import { watchDirectory } from "./directory-watch.ts";
import { findTail, readChunk, sizeOfFile } from "./find-tail.ts";
import type { LogFiles } from "./log-files.ts";
import { logPath } from "./rotate-log.ts";

const chunkBytes = 65_536;
/** Without a notice of the file system (some give none), look again after so long. */
const lookAgainMs = 1_000;

interface Place {
  /** The file that was current after so many rotations; negative: older than this process. */
  readonly file: number;
  readonly offset: number;
}

interface Reading {
  readonly files: LogFiles;
  readonly service: ServiceId;
  readonly directory: string;
}

/** The last `linesMax` lines as chunks of text, oldest first; then new output until `signal` aborts. */
export async function* readLog(
  files: LogFiles,
  clock: Clock,
  service: ServiceId,
  request: LogRequest,
): AsyncGenerator<string> {
  const directory = files.directoryOf(service);
  const reading: Reading = { files, service, directory };
  const decoder = new StringDecoder("utf8");
  const watch = request.follow ? watchDirectory(directory, clock, lookAgainMs) : undefined;
  try {
    const end = endOf(reading);
    let place = await tailOf(reading, request.linesMax);
    while (!request.signal.aborted && (watch !== undefined || isBefore(place, end))) {
      const bytes = await readAt(reading, place);
      if (bytes === "rotated") continue;
      if (bytes.length > 0) {
        place = { file: place.file, offset: place.offset + bytes.length };
        const text = decoder.write(bytes);
        if (text !== "") yield text;
      } else if (place.file < files.rotations(service)) {
        place = { file: place.file + 1, offset: 0 };
      } else if (watch !== undefined) {
        await watch.changed(request.signal);
      } else {
        return;
      }
    }
  } finally {
    watch?.close();
  }
}

function endOf({ files, service, directory }: Reading): Place {
  return { file: files.rotations(service), offset: sizeOfFile(logPath(directory, 0)) };
}

/** A rotation while the tail is searched moves the files: search again, a few times at most. */
async function tailOf({ files, service, directory }: Reading, linesMax: number): Promise<Place> {
  let rotations = files.rotations(service);
  let tail = await findTail(directory, linesMax);
  for (let turn = 0; turn < 5 && files.rotations(service) !== rotations; turn++) {
    rotations = files.rotations(service);
    tail = await findTail(directory, linesMax);
  }
  return { file: rotations - tail.age, offset: tail.offset };
}

function isBefore(left: Place, right: Place): boolean {
  return left.file < right.file || (left.file === right.file && left.offset < right.offset);
}

/** The next chunk; empty at the file's end or when it is gone. `rotated`: it moved meanwhile, read again. */
async function readAt(reading: Reading, place: Place): Promise<Buffer | "rotated"> {
  const { files, service, directory } = reading;
  const rotations = files.rotations(service);
  const path = logPath(directory, rotations - place.file);
  const bytes = await readChunk(path, place.offset, chunkBytes);
  return files.rotations(service) === rotations ? bytes : "rotated";
}
