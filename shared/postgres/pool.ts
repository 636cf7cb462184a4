import { type ClientBase, DatabaseError, type Pool as PgPool, type PoolClient, TypeOverrides } from "pg";
import { AppError } from "../errors.ts";
import { describeError, type Log } from "../log.ts";
import { watchPool } from "../metrics.ts";
import { type CloudSqlAddress, CloudSqlPool } from "./cloud-sql-pool.ts";
import { asError, isRefusal, SteadyPool } from "./steady-pool.ts";

/** Anything a statement can be sent to: the pool, or the connection of a transaction. */
export type Sql = Pick<ClientBase, "query">;
export type Pool = PgPool;
type Connections = { connect: () => Promise<PoolClient> };

/** Where the database is: an address with everything in it, or an instance of Cloud SQL. */
export type DatabaseAddress = { databaseUrl: string } | { cloudSql: CloudSqlAddress };

interface PoolSettings {
  connectionsMax: number;
  applicationName: string;
  log: Log;
  /** Whether statements given to one connection are all sent at once, instead of each after the answer to the one before. */
  pipelines?: boolean;
  statementTimeoutMs?: number;
  /** How much longer than that an answer is waited for. */
  answerGraceMs?: number;
  connectionTimeoutMs?: number;
  /** For who watches the database or has another one to go to: each try is made, and told as it is. */
  triesOnce?: boolean;
}

/** Part of the time for connecting within which it is tried again. */
const RETRY_PART = 0.2;
/** A connection is replaced after so long: it may lead to a server that is not the primary any more, and it grows. */
const LIFETIME_SECONDS = 1_800;

const INT8 = 20;

/** bigint columns come back as numbers; one past 2^53 is a fault to be seen, not to be rounded. */
function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError("a bigint does not fit a number");
  return value;
}

const types = new TypeOverrides();
types.setTypeParser(INT8, parseInt8);

/** A pool of connections; nothing connects before the first statement. Close it with `end()`. */
export function createPool(options: DatabaseAddress & PoolSettings): Pool {
  const statementTimeoutMs = options.statementTimeoutMs ?? 20_000;
  const connectionTimeoutMillis = options.connectionTimeoutMs ?? 5_000;
  const triesOnce = options.triesOnce ?? false;
  const settings = {
    max: options.connectionsMax,
    application_name: options.applicationName,
    connectionTimeoutMillis,
    retryMs: triesOnce ? 0 : connectionTimeoutMillis * RETRY_PART,
    restsWhenAway: !triesOnce,
    log: options.log,
    pipeline: options.pipelines ?? false,
    statement_timeout: statementTimeoutMs,
    // The server's own deadline does not help when the server no longer answers at all.
    query_timeout: statementTimeoutMs + (options.answerGraceMs ?? 5_000),
    idle_in_transaction_session_timeout: 30_000,
    idleTimeoutMillis: 60_000,
    maxLifetimeSeconds: LIFETIME_SECONDS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types,
  };
  const pool =
    "cloudSql" in options
      ? new CloudSqlPool(options.cloudSql, settings)
      : new SteadyPool({ ...settings, connectionString: options.databaseUrl });
  // A connection that breaks emits on the pool while it is idle and on the client while it is in use; without listeners
  // the process would end. What was running on it fails by itself.
  const onBroken = (error: Error): void => {
    options.log("WARNING", "a database connection broke", describeError(error));
  };
  pool.on("error", onBroken);
  pool.on("connect", (client) => client.on("error", onBroken));
  watchPool(options.applicationName, pool);
  return pool;
}

/** Runs `work` in a transaction that sees one organization's rows and no others. */
export function withOrganization<T>(
  pool: Connections,
  organizationId: string,
  work: (sql: Sql) => Promise<T>,
): Promise<T> {
  return transaction(pool, async (sql) => {
    await sql.query({ text: "select set_config('app.organization_id', $1, true)", values: [organizationId] });
    return work(sql);
  });
}

/** Runs `work` in a transaction with the rights of the jobs that work for every organization. */
export function withSystemRole<T>(pool: Pool, work: (sql: Sql) => Promise<T>): Promise<T> {
  return transaction(pool, async (sql) => {
    await sql.query("set local role netra_system");
    return work(sql);
  });
}

async function transaction<T>(pool: Connections, work: (sql: Sql) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    return await oneTransaction(client, "begin", work);
  } catch (error) {
    // What is no answer of the server leaves the connection in an unknown state; closing it rolls back as well.
    broken = isRefusal(error) ? await rollback(client) : asError(error);
    throw error;
  } finally {
    client.release(broken);
  }
}

/** A transaction on a connection that somebody holds. When it fails, rolling it back or closing the connection is theirs. */
export async function oneTransaction<T>(
  client: PoolClient,
  begin: string,
  work: (sql: Sql) => Promise<T>,
): Promise<T> {
  const { sql, takeBack } = lend(client);
  try {
    await client.query(begin);
    const result = await work(sql);
    takeBack();
    await commit(client);
    return result;
  } finally {
    takeBack();
  }
}

/**
 * A connection for as long as one transaction lasts. What is left of it afterwards, such as the others of a `Promise.all`
 * of which one failed, must not run in the transaction of whoever has the connection next: that may be another
 * organization.
 */
function lend(client: PoolClient): { sql: Sql; takeBack: () => void } {
  const sql: Sql = { query: client.query.bind(client) };
  return {
    sql,
    takeBack() {
      sql.query = () => {
        throw new TypeError("a statement came after its transaction had ended");
      };
    },
  };
}

/** Ends a transaction. One in which a statement failed, and somebody went on, is rolled back by the server without an error. */
async function commit(client: PoolClient): Promise<void> {
  const { command } = await client.query("commit");
  if (command !== "COMMIT")
    throw new TypeError("a transaction went on after one of its statements had failed");
}

/** The failure of the rollback itself, which means the connection is not to be used again. */
async function rollback(client: PoolClient): Promise<Error | undefined> {
  try {
    await client.query("rollback");
    return undefined;
  } catch (error) {
    return asError(error);
  }
}

/** SQLSTATE classes in which the statement is right and the server is not ready: connection, resources, shutdown. */
const PASSING_CLASSES = new Set(["08", "53", "57", "58"]);
/** Serialization failure, deadlock, lock not available; a server that is a replica by now, or whose disk is full. */
const PASSING_STATES = new Set(["40001", "40P01", "55P03", "25006"]);

/** Whether the same work can succeed later unchanged. A failure without SQLSTATE never reached the server or lost it. */
export function isPassing(error: unknown): boolean {
  if (error instanceof AppError) return error.code === "unavailable";
  if (!(error instanceof DatabaseError)) return error instanceof Error && !isBug(error);
  const state = error.code ?? "";
  return PASSING_CLASSES.has(state.slice(0, 2)) || PASSING_STATES.has(state);
}

function isBug(error: Error): boolean {
  return (
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof ReferenceError ||
    error instanceof SyntaxError
  );
}

/**
 * Turns a failure of the database into "come again": also one that will not pass by itself, such as a missing right,
 * because the sender is not to blame and should keep what it has. A bug of ours stays what it is.
 */
export function asUnavailable(error: unknown): unknown {
  if (error instanceof AppError || !(error instanceof Error) || isBug(error)) return error;
  return new AppError(
    "unavailable",
    "not everything could be stored; send all of it again with the same ids",
    {
      cause: error,
      retryAfterSeconds: 2,
    },
  );
}
