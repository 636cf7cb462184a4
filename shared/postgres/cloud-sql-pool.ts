import { DatabaseError, type PoolClient } from "pg";
import type { SecretHandle } from "../secret-source.ts";
import { type CloudSqlInstance, createCloudSqlDriver, type CloudSqlDriver } from "./cloud-sql-driver.ts";
import { type SteadyConfig, SteadyPool } from "./steady-pool.ts";

/** A login of a database of Cloud SQL. */
export interface CloudSqlAddress extends Omit<CloudSqlInstance, "auth"> {
  database: string;
  /** For IAM the service account's e-mail, with or without `.gserviceaccount.com`. */
  user: string;
  /** Null for IAM. */
  password: SecretHandle | null;
}

const IAM_SUFFIX = /\.gserviceaccount\.com$/;
const WRONG_PASSWORD = "28P01";

/**
 * A pool whose connections go to Cloud SQL. Nothing connects before the first is asked for.
 *
 * Getting a connection is tried again until the time for connecting is over: after an instance was frozen past the end of
 * its certificate, as the platform does between requests, connections fail until a new one is there, and nothing has been
 * sent by then. A wrong password is read anew, so a rotated one is taken up without a restart.
 */
export class CloudSqlPool extends SteadyPool {
  readonly #driver: CloudSqlDriver;
  readonly #password: SecretHandle | null;
  readonly #connectMs: number;

  constructor(address: CloudSqlAddress, config: SteadyConfig) {
    const { database, user, password, ...instance } = address;
    // Of a clock that nobody sets: one set back would leave the admin API alone for as long.
    const driver = createCloudSqlDriver({ ...instance, auth: password === null ? "IAM" : "PASSWORD" }, () =>
      performance.now(),
    );
    super({
      ...config,
      retryMs: config.connectionTimeoutMillis,
      database,
      user: password === null ? user.replace(IAM_SUFFIX, "") : user,
      // The certificate proves an IAM login; nothing of PGPASSWORD or ~/.pgpass is to be sent.
      password: password === null ? () => "" : password.read,
      // What comes out of the driver is encrypted already.
      ssl: false,
      stream: driver.openSocket,
    });
    this.#driver = driver;
    this.#password = password;
    this.#connectMs = config.connectionTimeoutMillis;
  }

  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | void {
    const ended = this.#endAll();
    if (callback === undefined) return ended;
    void ended.finally(callback);
  }

  /** Sockets first: the driver only stops what renews their certificates, which keeps the process alive. */
  async #endAll(): Promise<void> {
    try {
      await super.end();
    } finally {
      await this.#driver.close();
    }
  }

  protected override prepare(): Promise<void> {
    return withDeadline(this.#driver.prepare(), this.#connectMs);
  }

  protected override async open(): Promise<PoolClient> {
    try {
      return await super.open();
    } catch (error) {
      const isWrong = error instanceof DatabaseError && error.code === WRONG_PASSWORD;
      if (!isWrong || this.#password === null) throw error;
      this.#password.forget();
      return super.open();
    }
  }
}

async function withDeadline(work: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("Cloud SQL's admin API does not answer in time")), timeoutMs);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
