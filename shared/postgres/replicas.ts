import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseError, type PoolClient } from "pg";
import { createCircuitBreaker } from "../circuit-breaker.ts";
import { describeError, type Log } from "../log.ts";
import { isPassing, type Pool, type Sql, withOrganization } from "./pool.ts";

/** Where reads go that are large and may be made twice. */
export interface Reader {
  /**
   * Runs `work`, which only reads, in a transaction that sees one organization's rows and everything that was committed
   * when it was called: on a replica that has all of that, else on the primary. It is run again there when the replica
   * fails half-way.
   */
  read: <T>(organizationId: string, work: (sql: Sql) => Promise<T>) => Promise<T>;
  close: () => Promise<void>;
}

interface Replica {
  /** As the log names it. */
  name: string;
  pool: Pool;
}

interface ReaderOptions {
  primary: Pool;
  replicas: readonly Replica[];
  /** How long a read waits for a replica to catch up with the primary. */
  lagMsMax: number;
  log: Log;
  now: () => number;
}

/** Where the primary's log is, and which database of which cluster it is of. */
interface Position {
  lsn: string;
  identity: string;
  timeline: number;
}

/** Of all servers that were copied from one another, and of the database in them. */
const IDENTITY = `(select system_identifier from pg_control_system()) || '/' ||
  (select oid from pg_database where datname = current_database())`;

/*
 * Each promotion begins a new timeline, and places in the log of two timelines cannot be compared: a replica that still
 * follows the server before may be ahead in a log that the primary does not have.
 *
 * A commit is seen by others once its log is flushed; with commits that do not wait for that, already when it is written to
 * memory. `synchronous_commit` is that of this login: another one that writes has to have the same.
 */
const GET_POSITION = `
select ${IDENTITY} as identity,
  ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer as timeline,
  case when current_setting('synchronous_commit') = 'off' then pg_current_wal_insert_lsn()
    else pg_current_wal_flush_lsn() end::text as lsn`;

/**
 * Its order matters: a server that was promoted, or follows another one, has to be told before its log is compared. What a
 * replica says of its timeline may lag by some minutes after a promotion, never lead.
 */
const CHECK = `
select case
  when not pg_is_in_recovery() then 'no replica any more'
  when ${IDENTITY} <> $2 then 'a copy of another database'
  when (select min_recovery_end_timeline from pg_control_recovery()) <> $3 then 'on another timeline'
  when pg_last_wal_replay_lsn() >= $1::pg_lsn then null
  else 'behind' end as fault`;

/** A replica that could not serve is left alone for so long, then one read tries it. */
const REST_MS = 5_000;
const LOOK_AGAIN_MS = 10;
/** A connection that stood may lead nowhere by now. */
const CHECK_MS = 1_000;
const CONFLICT_CLASS = "40";
const STATEMENT_TIMEOUT = "57014";

/** Reads in turn from the replicas that can serve. What they lack, and what is written, is the primary's. */
export function createReader({ primary, replicas, lagMsMax, log, now }: ReaderOptions): Reader {
  const known = replicas.map((replica) => ({
    ...replica,
    breaker: createCircuitBreaker({ failuresMax: 1, openMs: REST_MS, now }),
    /** Under way: many may come before the first of them has its connection. */
    reads: 0,
    rests: 0,
  }));
  type Known = (typeof known)[number];
  let turn = 0;

  function next(): Known | undefined {
    turn += 1;
    return known
      .map((_, index) => known[(turn + index) % known.length])
      .find((replica) => replica !== undefined && hasRoom(replica) && replica.breaker.allows());
  }

  function rest(replica: Known, reason: string, error?: unknown): void {
    const wasResting = replica.breaker.isOpen();
    replica.breaker.failed();
    replica.rests += 1;
    if (wasResting) return;
    log("WARNING", "a replica cannot serve, so the primary is read", {
      replica: replica.name,
      reason,
      ...(error === undefined ? {} : describeError(error)),
    });
  }

  /** What began before the last failure does not end the rest: reads at the limit would end and begin it in turns. */
  function serves(replica: Known, restsBefore: number): void {
    if (replica.rests !== restsBefore) return;
    const wasResting = replica.breaker.isOpen();
    replica.breaker.succeeded();
    if (wasResting) log("INFO", "a replica serves again", { replica: replica.name });
  }

  /** Null where the primary, by the rights of this login, does not tell: that is no reason not to read it. */
  async function positionFor(replica: Known): Promise<Position | null> {
    try {
      return await getPosition(primary);
    } catch (error) {
      if (isPassing(error)) throw error;
      rest(replica, "the primary does not tell where it is", error);
      return null;
    }
  }

  /** A connection that has everything the primary has now; null when there is none. */
  async function connect(replica: Known): Promise<PoolClient | null> {
    const position = await positionFor(replica);
    if (position === null) return null;
    const restsBefore = replica.rests;
    let client: PoolClient | undefined;
    try {
      client = await replica.pool.connect();
      const fault = await waitFor(client, position, lagMsMax);
      if (fault === null) {
        serves(replica, restsBefore);
        return client;
      }
      rest(replica, fault);
      client.release();
    } catch (error) {
      rest(replica, "does not answer", error);
      client?.release(true);
    }
    return null;
  }

  /** Null when the primary is to be read. */
  async function readFrom<T>(
    replica: Known,
    organizationId: string,
    work: (sql: Sql) => Promise<T>,
  ): Promise<{ answer: T } | null> {
    const client = await connect(replica);
    if (client === null) return null;
    try {
      const lent = { connect: () => Promise.resolve(client) };
      return { answer: await withOrganization(lent, organizationId, work) };
    } catch (error) {
      if (!isOfReplica(error)) throw error;
      // What the replica has to apply may take rows away under a read; that one goes elsewhere, the next may stay.
      if (!isConflict(error)) rest(replica, "failed half-way", error);
      return null;
    }
  }

  return {
    async read(organizationId, work) {
      const replica = next();
      if (replica !== undefined) {
        replica.reads += 1;
        const read = await readFrom(replica, organizationId, work).finally(() => (replica.reads -= 1));
        if (read !== null) return read.answer;
      }
      return withOrganization(primary, organizationId, work);
    },
    async close() {
      await Promise.all(known.map(({ pool }) => pool.end()));
    },
  };
}

/** Whether a connection can be had without waiting for another read to end. */
function hasRoom({ pool, reads }: { pool: Pool; reads: number }): boolean {
  return reads < pool.options.max && (pool.idleCount > 0 || pool.totalCount < pool.options.max);
}

async function getPosition(primary: Pool): Promise<Position> {
  const { rows } = await primary.query<Position>({ name: "get-position", text: GET_POSITION });
  if (rows[0] === undefined) throw new Error("the primary did not tell where it is");
  return rows[0];
}

/** Null once the replica has everything up to the position, else why it cannot serve. */
async function waitFor(client: PoolClient, position: Position, waitMs: number): Promise<string | null> {
  const until = performance.now() + waitMs;
  const values = [position.lsn, position.identity, position.timeline];
  const query = { name: "check-replica", text: CHECK, values, query_timeout: CHECK_MS };
  for (;;) {
    const { rows } = await client.query<{ fault: string | null }>(query);
    const fault = rows[0] === undefined ? "told nothing" : rows[0].fault;
    if (fault !== "behind" || performance.now() >= until) return fault;
    await sleep(LOOK_AGAIN_MS);
  }
}

/** Whether the primary may do better: not with a read that took too long, which would only take as long again. */
function isOfReplica(error: unknown): boolean {
  return isPassing(error) && !(error instanceof DatabaseError && error.code === STATEMENT_TIMEOUT);
}

function isConflict(error: unknown): boolean {
  return error instanceof DatabaseError && error.code?.startsWith(CONFLICT_CLASS) === true;
}
