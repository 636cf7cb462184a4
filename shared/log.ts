import { AsyncLocalStorage } from "node:async_hooks";
import { sourceFrame } from "./runtime/source-frame.ts";

type Severity = "DEBUG" | "INFO" | "NOTICE" | "WARNING" | "ERROR" | "CRITICAL";
export type LogFields = Readonly<Record<string, unknown>>;
export interface Log {
  (severity: Severity, message: string, fields?: LogFields): void;
  /** Whose log it is. */
  readonly service?: string;
}

const BUFFERED_CHARS_MAX = 64 * 1024;
/** Cloud Logging takes 256 KiB an entry; no count, duration or id comes near. */
const LINE_CHARS_MAX = 64 * 1024;

/**
 * Writes one JSON line an entry, with the field names Cloud Logging reads. Callers pass counts, durations and ids only:
 * never a body, a command, a prompt or a secret. The lines of one turn of the event loop leave in one write, because a
 * pipe is written to synchronously: under load that is a tenth of the system calls. What is CRITICAL leaves at once: the
 * process may be about to end.
 */
export function createLog(service: string, write: (text: string) => unknown): Log {
  let buffered = "";
  // With LOG_EXECUTION_ID the framework makes one text of what is written for a request; ours has the id in each line.
  const outsideOfRequests = AsyncLocalStorage.snapshot();
  const flush = (): void => {
    const text = buffered;
    buffered = "";
    if (text !== "") outsideOfRequests(write, text);
  };
  const log = (severity: Severity, message: string, fields: LogFields = {}): void => {
    if (buffered === "") setImmediate(flush);
    const entry = { severity, message, time: new Date().toISOString(), service, ...fields };
    const line = lineOf({ ...entry, ...reportOf(severity, fields) });
    const isFit = line !== null && line.length <= LINE_CHARS_MAX;
    buffered += isFit ? line : lineWithout(entry);
    buffered += "\n";
    if (severity === "CRITICAL" || buffered.length > BUFFERED_CHARS_MAX) flush();
  };
  return Object.assign(log, { service });
}

/** Null for what is no JSON, such as a bigint: a log line must not fail what it tells of. */
function lineOf(entry: LogFields): string | null {
  try {
    return JSON.stringify(entry);
  } catch {
    return null;
  }
}

function lineWithout({ severity, message, time, service }: Record<string, unknown>): string {
  return JSON.stringify({
    severity,
    message: String(message).slice(0, 1_000),
    time,
    service,
    fields_left_out: true,
  });
}

const REPORT_TYPE = "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent";

/** What makes Error Reporting take an entry up: a stack as Node writes one. */
function reportOf(severity: Severity, { error, error_code: code, stack }: LogFields): LogFields {
  if ((severity !== "ERROR" && severity !== "CRITICAL") || !Array.isArray(stack)) return {};
  const head =
    typeof code === "string" || typeof code === "number" ? `${String(error)}: ${code}` : String(error);
  return { "@type": REPORT_TYPE, stack_trace: [head, ...stack.map((frame) => `    ${frame}`)].join("\n") };
}

const CAUSES_MAX = 5;

/** What may be logged of a thrown value: class, SQLSTATE or system code, and where it was thrown; the same of its causes. */
export function describeError(error: unknown, causesMax = CAUSES_MAX): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: typeof error };
  const code = "code" in error ? error.code : undefined;
  return {
    error: error.name,
    ...(typeof code === "string" || typeof code === "number" ? { error_code: code } : {}),
    ...(error.cause === undefined || causesMax === 0
      ? {}
      : { cause: describeError(error.cause, causesMax - 1) }),
    stack: stackFrames(error),
  };
}

/** `    at f (file:1:2)` and its kin; a line of a message that begins the same way is none. */
const FRAME = /^ {4}at .*(:\d+:\d+\)?|\(<anonymous>\)|\(index \d+\)|\(native\))$/;

/** Frames without the message: messages of drivers and parsers quote what was sent. */
function stackFrames({ stack, message }: Error): string[] {
  return String(stack)
    .replace(message, "")
    .split("\n")
    .filter((line) => FRAME.test(line))
    .slice(0, 12)
    .map((line) => sourceFrame(line.trim()));
}
