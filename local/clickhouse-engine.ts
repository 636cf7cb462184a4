import { randomUUID } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { drainPending, Session } from "chdb";
import { EngineError } from "./clickhouse-errors.ts";
import type { EngineQuery } from "./clickhouse-request.ts";
import { SessionPool } from "./clickhouse-sessions.ts";

export interface EngineResult {
  body: Uint8Array;
  format: string;
  readRows: number;
  readBytes: number;
  writtenRows: number;
  writtenBytes: number;
}

export interface Engine {
  /** Runs one statement; aborting the signal kills it inside the engine. */
  run: (query: EngineQuery, signal: AbortSignal) => Promise<EngineResult>;
  close: () => Promise<void>;
}

/** Formats the engine cannot take as part of a statement's text. */
const BINARY_FORMATS = new Set([
  "Arrow",
  "ArrowStream",
  "Avro",
  "CapnProto",
  "MsgPack",
  "Native",
  "ORC",
  "Parquet",
  "Protobuf",
  "RowBinary",
  "RowBinaryWithDefaults",
  "RowBinaryWithNames",
  "RowBinaryWithNamesAndTypes",
]);

/** Text formats the engine takes as bytes, without a copy into the statement. */
const RAW_FORMATS = new Set([
  "CSV",
  "CSVWithNames",
  "JSONCompactEachRow",
  "JSONEachRow",
  "TSV",
  "TSVWithNames",
  "TabSeparated",
  "TabSeparatedWithNames",
] as const);
type RawFormat = typeof RAW_FORMATS extends Set<infer Name> ? Name : never;

/** A server's limit on the text of a statement; parameters do not count there, and here they are a statement. */
const QUERY_BYTES_MAX = 262_144;

/**
 * The embedded engine differs from a server in the first three; the fourth refuses a misspelt column, which the
 * engine would otherwise drop in silence. A client's own settings come after these.
 */
const DEFAULT_SETTINGS = [
  ["implicit_select", "0"],
  ["allow_introspection_functions", "0"],
  ["output_format_arrow_use_native_writer", "1"],
  ["input_format_skip_unknown_fields", "0"],
  ["max_query_size", String(QUERY_BYTES_MAX)],
] as const;

export async function openEngine(options: { directory: string; temporary: string }): Promise<Engine> {
  await mkdir(options.directory, { recursive: true });
  await rm(options.temporary, { recursive: true, force: true });
  await mkdir(options.temporary, { recursive: true });
  const keeper = new Session(options.directory);
  const sessions = new SessionPool(() => new Session(options.directory));

  async function kill(tag: string): Promise<void> {
    // Never SYNC: the query would end, but the KILL itself never returns.
    await keeper
      .queryAsync(`KILL QUERY WHERE Settings['log_comment'] = ${quote(tag)}`)
      .catch(() => undefined);
  }

  async function run(query: EngineQuery, signal: AbortSignal): Promise<EngineResult> {
    const lease = sessions.acquire(query.sessionId, query.sessionTimeoutMs);
    const tag = `netra-${randomUUID()}`;
    const onAbort = (): void => void kill(tag);
    try {
      await prepare(lease.session, query, tag);
      signal.throwIfAborted();
      signal.addEventListener("abort", onAbort, { once: true });
      return await execute(lease.session, query, options.temporary);
    } finally {
      signal.removeEventListener("abort", onAbort);
      lease.release();
    }
  }

  return {
    run,
    close: async () => {
      sessions.close();
      await drainPending();
      keeper.close();
      await drainPending();
    },
  };
}

async function execute(session: Session, query: EngineQuery, temporary: string): Promise<EngineResult> {
  const { text, data } = query;
  if (data === null) return toResult(await session.queryAsync(text, { format: query.format }), query, 0);
  const insert = readInsert(text);
  if (insert === null || insert.target === null) {
    const statement = Buffer.concat([Buffer.from(`${text}\n`), data]).toString("utf8");
    return toResult(await session.queryAsync(statement, { format: query.format }), query, data.length);
  }
  if (BINARY_FORMATS.has(insert.format)) return insertFromFile(session, insert, data, temporary);
  if (isRawFormat(insert.format)) {
    const { table, columns } = insert.target;
    const summary = await session.insert({
      table,
      values: data,
      format: insert.format,
      ...(columns === null ? {} : { columns }),
    });
    return written(summary.rowsWritten, data.length);
  }
  const statement = `${text}\n${data.toString("utf8")}`;
  return toResult(await session.queryAsync(statement, { format: query.format }), query, data.length);
}

interface InsertStatement {
  head: string;
  format: string;
  target: { table: string; columns: string[] | null } | null;
}

const INSERT = /^\s*(insert\s+into\s+(?:table\s+)?([\w.`"]+)\s*(?:\(([^()]*)\))?)\s*format\s+(\w+)\s*;?\s*$/i;

/** The parts of `INSERT INTO table (columns) FORMAT name`; null for any other statement. */
function readInsert(text: string): InsertStatement | null {
  const found = INSERT.exec(text);
  if (found === null) return null;
  const [, head = "", table = "", list, format = ""] = found;
  const plainTable = table.replaceAll(/[`"]/g, "");
  const columns = list?.split(",").map((column) => column.trim().replaceAll(/^[`"]|[`"]$/g, "")) ?? null;
  const plain = [plainTable, ...(columns ?? [])].every((name) =>
    /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)?$/.test(name),
  );
  return { head, format, target: plain ? { table: plainTable, columns } : null };
}

async function insertFromFile(
  session: Session,
  insert: InsertStatement,
  data: Buffer,
  temporary: string,
): Promise<EngineResult> {
  const file = join(temporary, randomUUID());
  try {
    await writeFile(file, data, { mode: 0o600 });
    const result = await session.queryAsync(
      `${insert.head} select * from file(${quote(file)}, ${quote(insert.format)})`,
    );
    return written(result.rowsRead, data.length);
  } finally {
    await rm(file, { force: true });
  }
}

function isRawFormat(name: string): name is RawFormat {
  return (RAW_FORMATS as ReadonlySet<string>).has(name);
}

function written(rows: number, bytes: number): EngineResult {
  return {
    body: new Uint8Array(),
    format: "TabSeparated",
    readRows: rows,
    readBytes: bytes,
    writtenRows: rows,
    writtenBytes: bytes,
  };
}

function toResult(
  result: { bytes: () => Uint8Array; rowsRead: number; bytesRead: number },
  query: EngineQuery,
  dataBytes: number,
): EngineResult {
  const isInsert = /^\s*insert\s/i.test(query.text);
  return {
    body: result.bytes(),
    format: /\bformat\s+(\w+)\s*(?:settings\s[^;]*)?;?\s*$/i.exec(query.text)?.[1] ?? query.format,
    readRows: result.rowsRead,
    readBytes: result.bytesRead,
    writtenRows: isInsert ? result.rowsRead : 0,
    writtenBytes: isInsert ? dataBytes : 0,
  };
}

/** Sets what must hold for this statement alone: a session is used once, so none of it reaches another request. */
async function prepare(session: Session, query: EngineQuery, tag: string): Promise<void> {
  const statement = preamble(query, tag);
  if (statement.length * 4 > QUERY_BYTES_MAX) {
    await session.queryAsync(`SET max_query_size = ${statement.length * 4}`);
  }
  await session.queryAsync(statement);
}

function preamble(query: EngineQuery, tag: string): string {
  const settings = [...DEFAULT_SETTINGS, ["log_comment", tag] as const, ...query.settings];
  const parameters = query.parameters.map(([name, value]) => [`param_${name}`, value] as const);
  const assignments = [...parameters, ...settings].map(
    ([name, value]) => `${identifier(name)} = ${quote(value)}`,
  );
  const use = query.database === null ? "" : `USE \`${query.database.replaceAll(/[`\\]/g, "")}\`; `;
  return `${use}SET ${assignments.join(", ")}`;
}

function identifier(name: string): string {
  if (!/^[A-Za-z_]\w*$/.test(name))
    throw new EngineError(36, "BAD_ARGUMENTS", `Bad name ${JSON.stringify(name)}`);
  return name;
}

function quote(value: string): string {
  const escaped = value.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
  return `'${escaped.replaceAll("\n", "\\n").replaceAll("\t", "\\t").replaceAll("\r", "\\r").replaceAll("\0", "\\0")}'`;
}
