import { createAgentReader } from "./agent-reader.ts";
import type { TranscriptFile } from "./find-transcripts.ts";
import { asObject, asText } from "./json-value.ts";
import { readLines } from "./line-reader.ts";
import { createSessionReader } from "./session-reader.ts";
import type { LineHandler } from "./session-reader.ts";
import { TranscriptModel } from "./transcript-model.ts";

interface LineProblem {
  readonly path: string;
  readonly line: number;
  readonly problem: string;
}

export interface ReadReport {
  files: number;
  bytes: number;
  lines: number;
  /** Lines that are no JSON object or too long. */
  badLines: number;
  /** The first of them. */
  readonly badLineList: LineProblem[];
  /** Last lines without an end: somebody is writing them. */
  unfinishedLines: number;
  readonly unknownTypes: Map<string, number>;
  readonly unreadable: { path: string; reason: string }[];
}

export interface ReadOptions {
  readonly lineBytesMax?: number;
  readonly onBytes?: (bytes: number) => void;
  readonly onFile?: () => void;
}

const LINE_BYTES_MAX = 64 * 1024 * 1024;
const BAD_LINES_LISTED = 50;
const UNKNOWN_TYPES_MAX = 50;

const USED_TYPES = ["user", "assistant", "system", "attachment", "progress", "pr-link"];
const KNOWN_TYPES = new Set([
  ...USED_TYPES,
  "agent-name",
  "ai-title",
  "api-request",
  "api-request-blob",
  "api-request-shape",
  "atis-latch",
  "cost-state",
  "custom-title",
  "file-history-snapshot",
  "frame-link",
  "last-prompt",
  "mode",
  "permission-mode",
  "queue-operation",
  "summary",
  "tag",
  "tools-used",
]);

/** Reads all files, one line at a time: first those of sessions, then those of sub-agents, which need their prompts. */
export async function readTranscripts(
  files: readonly TranscriptFile[],
  options: ReadOptions = {},
): Promise<{ model: TranscriptModel; report: ReadReport }> {
  const model = new TranscriptModel();
  const report: ReadReport = {
    files: 0,
    bytes: 0,
    lines: 0,
    badLines: 0,
    badLineList: [],
    unfinishedLines: 0,
    unknownTypes: new Map(),
    unreadable: [],
  };
  const numbered = files.map((file, index) => ({ file, index }));
  for (const { file, index } of numbered.filter((one) => one.file.agent === null)) {
    await readFile(file, createSessionReader(model, file, index), report, options);
  }
  for (const { file, index } of numbered.filter((one) => one.file.agent !== null)) {
    await readFile(file, createAgentReader(model, file, index), report, options);
  }
  return { model, report };
}

async function readFile(
  file: TranscriptFile,
  handle: LineHandler,
  report: ReadReport,
  { lineBytesMax = LINE_BYTES_MAX, onBytes, onFile }: ReadOptions,
): Promise<void> {
  const bad = (line: number, problem: string): void => {
    report.badLines += 1;
    if (report.badLineList.length < BAD_LINES_LISTED)
      report.badLineList.push({ path: file.path, line, problem });
  };
  try {
    for await (const line of readLines(file.path, lineBytesMax, onBytes)) {
      report.lines += 1;
      report.bytes += line.bytes;
      if (line.text === null) {
        bad(line.number, `longer than ${lineBytesMax} bytes`);
        continue;
      }
      const value = parse(line.text);
      const entry = value === undefined ? null : asObject(value);
      if (entry !== null) {
        countType(report, asText(entry["type"]) ?? "(none)");
        handle(entry, line);
      } else if (value === undefined && !line.terminated) {
        report.unfinishedLines += 1;
      } else {
        bad(line.number, value === undefined ? "not JSON" : "not an object");
      }
    }
    report.files += 1;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && "syscall" in error)) throw error;
    report.unreadable.push({ path: file.path, reason: String(error.code) });
  }
  onFile?.();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text.startsWith("\uFEFF") ? text.slice(1) : text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function countType({ unknownTypes }: ReadReport, type: string): void {
  if (KNOWN_TYPES.has(type)) return;
  const name = type.slice(0, 60);
  const known = unknownTypes.get(name);
  if (known !== undefined || unknownTypes.size < UNKNOWN_TYPES_MAX) unknownTypes.set(name, (known ?? 0) + 1);
}
