import { isUtf8 } from "node:buffer";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { AppError, type Fault } from "../../shared/errors.ts";
import type { HttpRequest } from "../../shared/http.ts";
import { BODY_BYTES_MAX, RECORDS_MAX } from "./limits.ts";

/** One record of a body: a parsed value, or why its part of the body could not be parsed. */
export type RawRecord = { value: unknown } | { fault: Fault };

export interface RawBody {
  records: RawRecord[];
  /** The body holds escapes PostgreSQL cannot store as text, so each record has to be cleaned. */
  needsCleaning: boolean;
}

const inflate = promisify(gunzip);
const NEWLINE = 0x0a;

/**
 * The records of a request body: one execution, `{"executions": […]}` or NDJSON, perhaps gzipped. A body that is no such
 * thing is refused as a whole; in NDJSON each line stands or falls alone.
 */
export async function readRecords(request: HttpRequest): Promise<RawBody> {
  const body = await decode(request);
  if (body.length === 0) throw new AppError("bad_request", "the body is empty; send at least one execution");
  const mediaType = request.contentType.split(";")[0]?.trim().toLowerCase() ?? "";
  switch (mediaType) {
    case "application/json":
      return readJson(body);
    case "application/x-ndjson":
    case "application/ndjson":
    case "application/jsonl":
      return readLines(body);
    default:
      throw new AppError(
        "unsupported_media_type",
        `send content-type application/json or application/x-ndjson, not ${mediaType === "" ? "none" : `"${mediaType.slice(0, 100)}"`}`,
      );
  }
}

async function decode(request: HttpRequest): Promise<Buffer> {
  switch (request.contentEncoding) {
    case "":
    case "identity":
      return request.body;
    case "gzip":
    case "x-gzip":
      return inflateBounded(request.body);
    default:
      throw new AppError("unsupported_media_type", "the only content-encoding taken is gzip", {
        headers: { "accept-encoding": "gzip, identity" },
      });
  }
}

/** Stops inflating at the limit, so that a small body cannot become a large one. */
async function inflateBounded(body: Buffer): Promise<Buffer> {
  try {
    return await inflate(body, { maxOutputLength: BODY_BYTES_MAX });
  } catch (error) {
    if (error instanceof RangeError) {
      throw new AppError("too_large", `a body may have at most ${BODY_BYTES_MAX} bytes after inflating`);
    }
    throw new AppError("bad_request", "the body is not valid gzip, though content-encoding says so");
  }
}

function readJson(body: Buffer): RawBody {
  const text = textOf(body);
  if (text === null) throw new AppError("bad_request", "the body is not valid UTF-8");
  const value = parse(text);
  if ("fault" in value) throw new AppError("bad_request", `the body ${value.fault.detail}`);
  const records = executionsIn(value.value);
  if (records.length > RECORDS_MAX) throw tooManyRecords();
  return { records: records.map((record) => ({ value: record })), needsCleaning: hasUnstorableEscape(text) };
}

function executionsIn(value: unknown): unknown[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new AppError("bad_request", 'the body must be one execution or {"executions": […]}', {
      errors: [
        { pointer: "", detail: `is ${Array.isArray(value) ? "an array" : typeof value}, not an object` },
      ],
    });
  }
  if (!("executions" in value)) return [value];
  const { executions, ...others } = value;
  const faults = Object.keys(others).map((name) => ({
    pointer: pointerTo(name),
    detail: "is not a known field beside executions",
  }));
  if (!Array.isArray(executions)) faults.push({ pointer: "/executions", detail: "must be an array" });
  else if (executions.length === 0)
    faults.push({ pointer: "/executions", detail: "must hold at least one execution" });
  if (faults.length > 0)
    throw new AppError("bad_request", "the body is not a list of executions", { errors: faults });
  const list: unknown[] = Array.isArray(executions) ? executions : [];
  return list;
}

function readLines(body: Buffer): RawBody {
  const records: RawRecord[] = [];
  let needsCleaning = false;
  let from = 0;
  while (from < body.length) {
    const newline = body.indexOf(NEWLINE, from);
    const to = newline === -1 ? body.length : newline;
    const text = textOf(body.subarray(from, to));
    from = to + 1;
    if (text !== null && text.trim() === "") continue;
    if (records.length === RECORDS_MAX) throw tooManyRecords();
    records.push(text === null ? { fault: { pointer: "", detail: "is not valid UTF-8" } } : parse(text));
    needsCleaning ||= text !== null && hasUnstorableEscape(text);
  }
  if (records.length === 0) throw new AppError("bad_request", "the body holds no execution");
  return { records, needsCleaning };
}

function tooManyRecords(): AppError {
  return new AppError(
    "too_large",
    `a body may hold at most ${RECORDS_MAX} executions; send the rest in another`,
  );
}

/** The position is told, the text around it is not: it may hold a prompt. */
function parse(text: string): RawRecord {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    const position = error instanceof SyntaxError ? /position (\d+)/.exec(error.message)?.[1] : undefined;
    const isCut = error instanceof SyntaxError && error.message.startsWith("Unexpected end");
    const where = isCut
      ? "it ends too early"
      : `the fault is ${position === undefined ? "near its start" : `at character ${position}`}`;
    return { fault: { pointer: "", detail: `is not valid JSON: ${where}` } };
  }
}

function textOf(bytes: Buffer): string | null {
  return isUtf8(bytes) ? bytes.toString("utf8") : null;
}

/** A NUL or part of a surrogate pair can only have come in as an escape: both are impossible in valid UTF-8 JSON text. */
function hasUnstorableEscape(text: string): boolean {
  return text.includes(String.raw`\u0000`) || /\\u[dD][89a-fA-F]/.test(text);
}

/** RFC 6901: the pointer to one member. */
export function pointerTo(...path: readonly PropertyKey[]): string {
  return path
    .map((step) => `/${String(step).slice(0, 100).replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
}
