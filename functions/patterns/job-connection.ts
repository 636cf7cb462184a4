import { oneTransaction, type Pool, type Sql } from "../../shared/postgres/pool.ts";

/** One connection for a whole run, which holds the run's lock. */
export interface JobConnection extends AsyncDisposable {
  /** A short transaction with the rights of the system jobs. */
  plain: <T>(work: (sql: Sql) => Promise<T>) => Promise<T>;
  /** The same, in which every statement sees one snapshot and times are told in UTC. */
  snapshot: <T>(work: (sql: Sql) => Promise<T>) => Promise<T>;
}

/** Room for grouping in memory; what does not fit goes through files. */
const WORK_MEM = "64MB";

export async function connectForJob(pool: Pool): Promise<JobConnection> {
  const client = await pool.connect();
  let failed = false;
  const transaction = async <T>(begin: string, work: (sql: Sql) => Promise<T>): Promise<T> => {
    try {
      return await oneTransaction(client, begin, work);
    } catch (error) {
      // Closing the connection rolls back and gives the lock free, whatever state it is in.
      failed = true;
      throw error;
    }
  };
  return {
    plain: (work) => transaction("begin; set local role netra_system", work),
    snapshot: (work) =>
      transaction(
        `begin isolation level repeatable read; set local role netra_system; set local timezone = 'UTC';
         set local datestyle = 'ISO'; set local work_mem = '${WORK_MEM}'`,
        work,
      ),
    [Symbol.asyncDispose]: async () => client.release(failed),
  };
}
