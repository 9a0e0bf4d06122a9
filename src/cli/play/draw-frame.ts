/** The whole screen of a desk as exactly as many lines as the terminal has. */
import { explainService } from "../../core/explain/why.ts";
import type { ClusterView } from "../../sim/play/view.ts";
import { writeInstant } from "../../sim/play/write-instant.ts";
import type { Colours } from "../format/colours.ts";
import { cutToWidth } from "../format/text-width.ts";
import type { Desk } from "./desk.ts";
import { clusterWords, type DrawOptions, drawNodes, drawServices } from "./draw-cluster.ts";
import { drawEvent, drawExplanation } from "./draw-events.ts";
import { drawCommands, drawKeys } from "./draw-help.ts";

export interface FrameSize {
  readonly columnCount: number;
  readonly rowCount: number;
}

export interface Frame {
  /** One for each row of the terminal, each at most as wide as it is. */
  readonly lines: readonly string[];
  /** Where the cursor stands while a command is typed; undefined: it is not shown. */
  readonly cursorColumn: number | undefined;
}

const promptText = ": ";

/** Draws what the person sees now. */
export function drawFrame(desk: Desk, size: FrameSize, colours: Colours): Frame {
  const { view } = desk.player;
  const head = headLine(desk, view, size, colours);
  const foot = [messageLine(desk, size, colours), lastLine(desk, view, size, colours)];
  const bodyCount = Math.max(0, size.rowCount - foot.length - 1);
  const body = bodyLines(desk, view, { size, colours, rowCount: bodyCount });
  const lines = [head, ...filled(body, bodyCount), ...foot].slice(-size.rowCount);
  const isTyping = desk.mode.kind === "typing";
  const cursorColumn = isTyping ? promptText.length + desk.line.place : undefined;
  return { lines, cursorColumn };
}

function filled(lines: readonly string[], count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => lines[index] ?? "");
}

function headLine(desk: Desk, view: ClusterView, size: FrameSize, colours: Colours): string {
  const { paused, speed, session } = desk.player;
  const tempo = paused ? "paused" : `running ${speed}x`;
  const later = session.laterDeedCount === 0 ? "" : `   ${session.laterDeedCount} later`;
  const text = `${writeInstant(view.atMs)}   ${tempo}   ${clusterWords(view)}${later}   holdfast sim`;
  return colours.paint("bold", cutToWidth(text, size.columnCount));
}

interface BodyOptions {
  readonly size: FrameSize;
  readonly colours: Colours;
  readonly rowCount: number;
}

function bodyLines(desk: Desk, view: ClusterView, options: BodyOptions): readonly string[] {
  const { size, colours, rowCount } = options;
  const cut = (line: string): string => cutToWidth(line, size.columnCount);
  if (desk.panel.kind === "help") return helpPage(desk.panel.pageIndex, rowCount).map(cut);
  const drawing: DrawOptions = {
    widthMax: size.columnCount,
    colours,
    selected: desk.selectedIn(view),
  };
  const nodes = drawNodes(view, drawing);
  const services = drawServices(view, drawing);
  const gap = rowCount >= nodes.length + services.length + 6 ? [""] : [];
  const cluster = [...gap, ...nodes, ...gap, ...services, ...gap];
  const restCount = Math.max(0, rowCount - cluster.length);
  return [...cluster, ...restLines(desk, { ...options, rowCount: restCount })];
}

/** What is left of the screen shows the newest events, or an explanation. */
function restLines(desk: Desk, { size, colours, rowCount }: BodyOptions): readonly string[] {
  const widthMax = size.columnCount;
  if (desk.panel.kind === "why") {
    const answer = desk.player.whyOf(desk.panel.service);
    if (answer === undefined) return ["no server is manager now, so nobody decides about it"];
    return drawExplanation(explainService(answer), widthMax);
  }
  if (rowCount === 0) return [];
  const events = desk.player.session.events.slice(-rowCount);
  return events.map((event) => drawEvent(event, { widthMax, colours }));
}

/** The pages go round. */
function helpPage(pageIndex: number, rowCount: number): readonly string[] {
  const lines = [...drawKeys(), "", ...drawCommands()];
  const pageCount = Math.ceil(lines.length / Math.max(1, rowCount));
  const first = (pageIndex % pageCount) * rowCount;
  return lines.slice(first, first + rowCount);
}

function messageLine(desk: Desk, size: FrameSize, colours: Colours): string {
  const { tone, sentence } = desk.message;
  const text = cutToWidth(sentence, size.columnCount);
  return tone === "refused" ? colours.paint("yellow", text) : text;
}

function lastLine(desk: Desk, view: ClusterView, size: FrameSize, colours: Colours): string {
  switch (desk.mode.kind) {
    case "typing":
      return cutToWidth(`${promptText}${desk.line.text}`, size.columnCount);
    case "choosing": {
      const choices = view.nodes.map(({ node }, index) => `${index + 1} ${node}`).join("  ");
      const { by, service } = desk.mode;
      return cutToWidth(`${by} ${service} to: ${choices}  (any other key: no)`, size.columnCount);
    }
    case "keys":
      return colours.paint("dim", cutToWidth(keysLine(desk, view), size.columnCount));
  }
}

const keysAnywhere = "space go/stop  +/- speed  . 1s  e next  u undo  b back 10s  ? help  q quit";
const keysOnNode = "p power  n network  m maintenance  a agent  c server  r reboot";
const keysOnService = "s start  x stop  d disable  m migrate  l relocate  w why";

function keysLine(desk: Desk, view: ClusterView): string {
  if (desk.panel.kind === "help") return "? next page  any other key: back";
  const selected = desk.selectedIn(view);
  const isNode = view.nodes.some(({ node }) => node === selected);
  return `${isNode ? keysOnNode : keysOnService}  | ${keysAnywhere}  : command`;
}
