import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import type { Environment } from "./command.ts";
import { UsageError } from "./exit-codes.ts";

/** The functions a client speaks to. */
export type Service = "ingest" | "insights" | "health";

export interface Connection {
  /** Base address of the function, without a slash at its end. */
  readonly url: string;
  readonly apiKey: string;
}

/** Values of the connection options of a command line, as CONNECTION_OPTIONS names them. */
interface ConnectionFlags {
  readonly url?: string | undefined;
  readonly "ingest-url"?: string | undefined;
  readonly "insights-url"?: string | undefined;
  readonly "webhooks-url"?: string | undefined;
  readonly "health-url"?: string | undefined;
  readonly "api-key"?: string | undefined;
  readonly "data-dir"?: string | undefined;
}

export interface ConnectionSource {
  readonly env: Environment;
  readonly cwd: string;
  readonly flags?: ConnectionFlags;
}

const connectionFile = z.object({
  url: z.string(),
  apiKey: z.string(),
  organization: z.string().optional(),
  organizationId: z.string().optional(),
  adminDatabaseUrl: z.string().optional(),
  clickhouseUrl: z.string().optional(),
});
type ConnectionFile = z.infer<typeof connectionFile>;

const HOW_TO_CONNECT =
  "set NETRA_URL (or NETRA_INGEST_URL and NETRA_INSIGHTS_URL) and NETRA_API_KEY, or start a server here with npm start";

/** How to reach a function; throws UsageError saying what to set when that is not known. */
export function getConnection(source: ConnectionSource, service: Service): Connection {
  const connection = findConnection(source, service);
  if (connection === null) throw new UsageError(`no Netra server is known: ${HOW_TO_CONNECT}`);
  return connection;
}

/**
 * How to reach a function, or null when nothing at all was configured. Flags win over the environment, and that over
 * connection.json. A key from the file is never sent to an address from elsewhere.
 */
export function findConnection(source: ConnectionSource, service: Service): Connection | null {
  const { env, flags = {} } = source;
  const base = flags.url ?? value(env, "NETRA_URL");
  const own = flags[`${service}-url`] ?? value(env, `NETRA_${service.toUpperCase()}_URL`);
  const apiKey = flags["api-key"] ?? value(env, "NETRA_API_KEY");
  const given = own ?? (base === undefined ? undefined : `${checkUrl(base)}/${service}`);

  if (given !== undefined) {
    const url = checkUrl(given);
    const known = apiKey ?? keyOfFile(source, url);
    if (known === undefined)
      throw new UsageError("no API key: set NETRA_API_KEY (netra keys create makes one)");
    return { url, apiKey: checkKey(known) };
  }
  const file = readConnectionFile(source);
  if (file !== null) {
    return { url: `${checkUrl(file.url)}/${service}`, apiKey: checkKey(apiKey ?? file.apiKey) };
  }
  if (apiKey === undefined) return null;
  throw new UsageError(`an API key is set but no address of ${service}: ${HOW_TO_CONNECT}`);
}

/** The owner's database address, for what only an owner may do; throws UsageError when it is not configured. */
export function getAdminDatabaseUrl(source: ConnectionSource): string {
  const url = value(source.env, "NETRA_ADMIN_DATABASE_URL") ?? readConnectionFile(source)?.adminDatabaseUrl;
  if (url === undefined) {
    throw new UsageError(
      "no database is known: set NETRA_ADMIN_DATABASE_URL to the owner's address, or start a server here with npm start",
    );
  }
  return url;
}

/** The address of ClickHouse beside that database; throws UsageError when it is not configured. */
export function getClickHouseUrl(source: ConnectionSource): string {
  const own = value(source.env, "CLICKHOUSE_URL");
  const isLocal = value(source.env, "NETRA_ADMIN_DATABASE_URL") === undefined;
  const url = own ?? (isLocal ? readConnectionFile(source)?.clickhouseUrl : undefined);
  if (url === undefined) throw new UsageError("no ClickHouse is known: set CLICKHOUSE_URL to its address");
  return url;
}

/** The organization of the local server, when it is that server's database that getAdminDatabaseUrl answers. */
export function findLocalOrganization(source: ConnectionSource): string | null {
  if (value(source.env, "NETRA_ADMIN_DATABASE_URL") !== undefined) return null;
  const file = readConnectionFile(source);
  return file?.organizationId ?? file?.organization ?? null;
}

/** The data folder of the local server, under the same condition: null where another database is meant. */
export function findLocalDataDirectory(source: ConnectionSource): string | null {
  if (value(source.env, "NETRA_ADMIN_DATABASE_URL") !== undefined) return null;
  return readConnectionFile(source) === null ? null : dataDirectoryOf(source);
}

/** The base address of the webhooks function as senders reach it, or null when it is not known. */
export function findWebhooksUrl(source: ConnectionSource): string | null {
  const own = source.flags?.["webhooks-url"] ?? value(source.env, "NETRA_WEBHOOKS_URL");
  if (own !== undefined) return checkUrl(own);
  const base = source.flags?.url ?? value(source.env, "NETRA_URL");
  if (base !== undefined) return `${checkUrl(base)}/webhooks`;
  if (findLocalDataDirectory(source) === null) return null;
  const file = readConnectionFile(source);
  return file === null ? null : `${checkUrl(file.url)}/webhooks`;
}

function dataDirectoryOf({ env, cwd, flags }: ConnectionSource): string {
  return resolve(cwd, flags?.["data-dir"] ?? value(env, "NETRA_DATA_DIR") ?? ".netra");
}

function readConnectionFile(source: ConnectionSource): ConnectionFile | null {
  const path = join(dataDirectoryOf(source), "connection.json");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return null;
    throw new UsageError(`${path} cannot be read`, { cause: error });
  }
  try {
    return connectionFile.parse(JSON.parse(text));
  } catch (error) {
    throw new UsageError(`${path} is damaged; run npm start to write it again`, { cause: error });
  }
}

/** The key of connection.json, but only for the address that file is about. */
function keyOfFile(source: ConnectionSource, url: string): string | undefined {
  const file = readConnectionFile(source);
  if (file === null) return undefined;
  return URL.canParse(file.url) && new URL(file.url).origin === new URL(url).origin ? file.apiKey : undefined;
}

function value(env: Environment, name: string): string | undefined {
  const text = env[name]?.trim();
  return text === undefined || text === "" ? undefined : text;
}

function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new UsageError(`"${text}" is no http(s) address`);
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new UsageError(`the address of ${url.host} must be without user, query and fragment`);
  }
  return url.href.replace(/\/+$/, "");
}

function checkKey(key: string): string {
  // A header cannot carry anything else, and fetch would put the whole key into its error message.
  if (!/^[\x21-\x7E]{1,200}$/.test(key)) throw new UsageError("the API key contains characters no key has");
  return key;
}
