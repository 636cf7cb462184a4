import { ClickHouseLogLevel, createClient } from "@clickhouse/client";

export type ClickHouse = ReturnType<typeof createClient>;

export interface ClickHouseOptions {
  /** `http(s)://user:password@host:port/database`. */
  url: string;
  /** How long one request may take, in milliseconds. */
  requestTimeoutMs?: number;
  maxOpenConnections?: number;
  /** Gzip in both directions; by default everywhere but on the machine's own loopback, where it only costs. */
  compress?: boolean;
}

const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);

/**
 * A ClickHouse client that keeps its connections open and loses nothing silently: a field the table does not have is an
 * error, a null is never turned into a default, 64-bit integers and decimals come back as strings because a JSON number
 * would round them. Inserts are synchronous: when one has returned, its rows are there.
 * Nothing connects before the first request. Close it with `close()`.
 */
export function createClickHouse(options: ClickHouseOptions): ClickHouse {
  const compress = options.compress ?? !LOOPBACK.has(new URL(options.url).hostname);
  return createClient({
    url: options.url,
    application: "netra",
    request_timeout: options.requestTimeoutMs ?? 30_000,
    max_open_connections: options.maxOpenConnections ?? 10,
    keep_alive: { enabled: true },
    compression: { request: compress, response: compress },
    // The library's own log prints statements to the console; every failure is thrown as well.
    log: { level: ClickHouseLogLevel.OFF },
    clickhouse_settings: {
      async_insert: 0,
      date_time_input_format: "best_effort",
      input_format_skip_unknown_fields: 0,
      input_format_null_as_default: 0,
      output_format_json_quote_64bit_integers: 1,
      output_format_json_quote_decimals: 1,
    },
  });
}
