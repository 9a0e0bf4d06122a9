/** Reads server-sent events out of a text stream, as far as Holdfast uses them: `event`, `id`, `data`, comments. */

/** One event; `id` is the last one seen, as a browser would keep it. */
export interface ServerSentEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: string;
}

/** Longest line that is taken; a longer one is not from a Holdfast server. */
const lineCharactersMax = 16 * 1_024 * 1_024;

/** Turns chunks of text, cut anywhere, into events; comments and events without data are left out. */
export async function* readServerSentEvents(
  chunks: AsyncIterable<string>,
): AsyncIterable<ServerSentEvent> {
  let event = "message";
  let id: string | undefined;
  let data: string[] = [];
  for await (const line of linesOf(chunks)) {
    if (line === "") {
      if (data.length > 0) yield { event, id, data: data.join("\n") };
      event = "message";
      data = [];
      continue;
    }
    const [name, value] = fieldOf(line);
    if (name === "event") event = value;
    else if (name === "id") id = value;
    else if (name === "data") data.push(value);
  }
}

/** A line's field name and value; a comment has the name "". */
function fieldOf(line: string): readonly [string, string] {
  const colon = line.indexOf(":");
  if (colon < 0) return [line, ""];
  const value = line.slice(colon + 1);
  return [line.slice(0, colon), value.startsWith(" ") ? value.slice(1) : value];
}

async function* linesOf(chunks: AsyncIterable<string>): AsyncIterable<string> {
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > lineCharactersMax) throw new Error("the stream has a line without end");
    for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
  }
}
