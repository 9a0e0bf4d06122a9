/** Draws a story: a column of time, then one line for each thing that happened, wrapped at the edge of the terminal. */
import type { Plan } from "../../sim/plan.ts";
import { writeInstant, writeSpan } from "../../sim/story/span.ts";
import type { Moment, StoryLine, Tone } from "../../sim/story/story-line.ts";
import { timesOf } from "../../wire/settings.ts";
import type { Colours } from "../format/colours.ts";
import { oneLine, textWidth } from "../format/text-width.ts";
import type { Session } from "../session.ts";
import { wrapText } from "./wrap-text.ts";

/** Room for an instant such as `12m 02.5s`, and a gap. */
const timeWidth = 11;
/** Names beyond this many are counted. */
const subjectsShownMax = 6;
/** Never narrower, however narrow the terminal is. */
const textWidthMin = 30;

const styles: Readonly<Record<Tone, "red" | "green" | "bold" | "dim" | undefined>> = {
  deed: "bold",
  trouble: "red",
  relief: "green",
  plain: undefined,
  aside: "dim",
  violation: "red",
};

/** The first line: which scenario, and with what. */
export function drawHeading({ colours }: Session, plan: Plan): string {
  const { ttlMs } = timesOf(plan.settings);
  const parts = [
    counted(plan.nodes.length, "node"),
    counted(plan.services.length, "service"),
    `lease ${writeSpan(ttlMs)}`,
    `until ${writeSpan(plan.endAtMs)}`,
    `seed ${plan.seed}`,
  ];
  return `${colours.paint("bold", oneLine(plan.name))}  ${colours.paint("dim", parts.join(", "))}\n`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** The lines of one moment; the time stands at the first of them. */
export function drawMoment(session: Session, { atMs, lines }: Moment): string {
  const { stdout } = session.io;
  const columns = stdout.isTTY === true ? (stdout.columns ?? 80) : undefined;
  const room = columns === undefined ? undefined : Math.max(textWidthMin, columns - timeWidth);
  const time = writeInstant(atMs)
    .padStart(timeWidth - 2)
    .padEnd(timeWidth);
  const text = lines.flatMap((line) => drawLine(session.colours, line, room));
  const gap = " ".repeat(timeWidth);
  return text.map((line, index) => `${index === 0 ? time : gap}${line}\n`).join("");
}

function drawLine(colours: Colours, line: StoryLine, room: number | undefined): readonly string[] {
  const said = sentenceOf(line);
  const because = line.because === undefined ? "" : `: ${oneLine(line.because)}`;
  const style = styles[line.tone];
  const wrapped = wrapText(`${said}${because}`, room);
  let left = textWidth(said);
  return wrapped.map((part, index) => {
    const indented = index === 0 ? part : `  ${part}`;
    const length = Math.max(0, Math.min(left, part.length));
    left -= part.length + 1;
    if (style === undefined || length === 0) return indented;
    const begin = index === 0 ? "" : "  ";
    return `${begin}${colours.paint(style, part.slice(0, length))}${part.slice(length)}`;
  });
}

function sentenceOf({ tone, subjects, text }: StoryLine): string {
  const mark = tone === "deed" ? "▸ " : "";
  const plain = oneLine(text);
  if (subjects.length === 0) return `${mark}${plain}`;
  const shown = subjects.slice(0, subjectsShownMax).map(oneLine).join(", ");
  const restCount = subjects.length - subjectsShownMax;
  const who = restCount > 0 ? `${shown} and ${restCount} more` : shown;
  if (isRemark(plain)) return `${mark}${who}: ${plain}`;
  return `${mark}${who} ${subjects.length === 1 ? plain : inPlural(plain)}`;
}

/** The verbs that sentences about services and nodes begin with, and what several do. */
const plurals: ReadonlyMap<string, string> = new Map([
  ["goes", "go"],
  ["is", "are"],
  ["was", "were"],
  ["has", "have"],
  ["runs", "run"],
  ["moves", "move"],
  ["waits", "wait"],
  ["could", "could"],
  ["loses", "lose"],
  ["gets", "get"],
  ["stays", "stay"],
  ["ends", "end"],
  ["uses", "use"],
  ["may", "may"],
]);

/** A whole sentence of its own, that does not go on from a name. */
function isRemark(text: string): boolean {
  return !plurals.has(firstWord(text));
}

function inPlural(text: string): string {
  const first = firstWord(text);
  return `${plurals.get(first) ?? first}${text.slice(first.length)}`;
}

function firstWord(text: string): string {
  return text.split(" ", 1)[0] ?? "";
}
