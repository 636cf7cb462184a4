import { readFileSync } from "node:fs";
import { ClickHouseError, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import type { SecretHandle } from "../secret-source.ts";

export type ClickHouse = ReturnType<typeof createClient>;

export interface ClickHouseOptions {
  /** `http(s)://user:password@host:port/database`. */
  url: string;
  /** In place of the password in the address; read for each request, so a rotated one is taken up. */
  password?: SecretHandle | undefined;
  /** PEM file of the certificate authority, where it is not one that Node knows. */
  caFile?: string | undefined;
  /** How long one request may take, in milliseconds. */
  requestTimeoutMs?: number;
  maxOpenConnections?: number;
  /** Gzip in both directions; by default everywhere but on the machine's own loopback, where it only costs. */
  compress?: boolean;
}

const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);
/** Below the ten seconds after which ClickHouse, and the three after which older ones, close an idle connection. */
const IDLE_SOCKET_MS = 2_500;

/**
 * A ClickHouse client that keeps its connections open and loses nothing silently: a field the table does not have is an
 * error, a null is never turned into a default, 64-bit integers and decimals come back as strings because a JSON number
 * would round them. Inserts are synchronous: when one has returned, its rows are there. The server's own batching of
 * inserts is off: the relay's batches are large already, and one is done only when its rows are stored, once.
 * Nothing connects before the first request. Close it with `close()`.
 */
export function createClickHouse(options: ClickHouseOptions): ClickHouse {
  const { caFile, password } = options;
  const compress = options.compress ?? !LOOPBACK.has(new URL(options.url).hostname);
  const client = createClient({
    url: options.url,
    application: "netra",
    request_timeout: options.requestTimeoutMs ?? 30_000,
    max_open_connections: options.maxOpenConnections ?? 10,
    // A process that was frozen wakes up with sockets the server has closed: they are looked at before they are used.
    keep_alive: { enabled: true, idle_socket_ttl: IDLE_SOCKET_MS, eagerly_destroy_stale_sockets: true },
    compression: { request: compress, response: compress },
    ...(caFile === undefined ? {} : { tls: { ca_cert: readFileSync(caFile) } }),
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
  return password === undefined ? client : withPassword(client, usernameOf(options.url), password);
}

function usernameOf(url: string): string {
  const { username } = new URL(url);
  return username === "" ? "default" : decodeURIComponent(username);
}

interface Auth {
  username: string;
  password: string;
}

/** Wrong password, missing password, authentication failed. */
const AUTHENTICATION_CODES = new Set(["193", "194", "516"]);

/**
 * The same client, which reads the password for each request. When the server refuses it, it is read anew: for a statement
 * that can be sent again in the same call, for one that carries a stream of rows by the time it comes again.
 */
function withPassword(client: ClickHouse, username: string, password: SecretHandle): ClickHouse {
  async function send<T>(request: (auth: Auth) => Promise<T>): Promise<T> {
    const auth = { username, password: await password.read() };
    try {
      return await request(auth);
    } catch (error) {
      if (isRefused(error)) password.forget();
      throw error;
    }
  }
  async function sendAgain<T>(request: (auth: Auth) => Promise<T>): Promise<T> {
    try {
      return await send(request);
    } catch (error) {
      if (!isRefused(error)) throw error;
      return send(request);
    }
  }

  const query = client.query.bind(client);
  const command = client.command.bind(client);
  const exec = client.exec.bind(client);
  const insert = client.insert.bind(client);
  client.query = (params) => sendAgain((auth) => query({ ...params, auth }));
  client.command = (params) => sendAgain((auth) => command({ ...params, auth }));
  client.exec = (params) => send((auth) => exec({ ...params, auth }));
  client.insert = (params) => send((auth) => insert({ ...params, auth }));
  return client;
}

function isRefused(error: unknown): boolean {
  return error instanceof ClickHouseError && AUTHENTICATION_CODES.has(error.code);
}
