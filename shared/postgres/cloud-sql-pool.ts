import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseError, Pool as PgPool, type PoolClient, type PoolConfig } from "pg";
import type { SecretHandle } from "../secret-source.ts";
import { type CloudSqlInstance, createCloudSqlDriver, type CloudSqlDriver } from "./cloud-sql-driver.ts";

/** A login of a database of Cloud SQL. */
export interface CloudSqlAddress extends Omit<CloudSqlInstance, "auth"> {
  database: string;
  /** For IAM the service account's e-mail, with or without `.gserviceaccount.com`. */
  user: string;
  /** Null for IAM. */
  password: SecretHandle | null;
}

const IAM_SUFFIX = /\.gserviceaccount\.com$/;
const FIRST_DELAY_MS = 100;
const WRONG_PASSWORD = "28P01";
/** Connection exceptions and a server that is starting; every other answer of the server stays the same when asked again. */
const PASSING_STATE = /^(08|57P03$)/;

type Acquired = Parameters<typeof PgPool.prototype.connect>[0];

/**
 * A pool whose connections go to Cloud SQL. Nothing connects before the first is asked for.
 *
 * Getting a connection is tried again until the time for connecting is over: after an instance was frozen past the end of
 * its certificate, as the platform does between requests, connections fail until a new one is there, and nothing has been
 * sent by then. A wrong password is read anew, so a rotated one is taken up without a restart.
 */
export class CloudSqlPool extends PgPool {
  readonly #driver: CloudSqlDriver;
  readonly #password: SecretHandle | null;
  readonly #connectMs: number;

  constructor(address: CloudSqlAddress, config: PoolConfig & { connectionTimeoutMillis: number }) {
    const { database, user, password, ...instance } = address;
    const driver = createCloudSqlDriver(
      { ...instance, auth: password === null ? "IAM" : "PASSWORD" },
      Date.now,
    );
    super({
      ...config,
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

  override connect(): Promise<PoolClient>;
  override connect(callback: NonNullable<Acquired>): void;
  override connect(callback?: Acquired): Promise<PoolClient> | void {
    if (callback === undefined) return this.#acquire();
    void this.#acquireFor(callback);
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

  async #acquireFor(callback: NonNullable<Acquired>): Promise<void> {
    let client: PoolClient;
    try {
      client = await this.#acquire();
    } catch (error) {
      callback(asError(error), undefined, () => undefined);
      return;
    }
    callback(undefined, client, client.release.bind(client));
  }

  async #acquire(): Promise<PoolClient> {
    const until = performance.now() + this.#connectMs;
    let mayReadAgain = this.#password !== null;
    await withDeadline(this.#driver.prepare(), this.#connectMs);
    for (let delayMs = FIRST_DELAY_MS; ; delayMs *= 2) {
      try {
        return await super.connect();
      } catch (error) {
        if (mayReadAgain && error instanceof DatabaseError && error.code === WRONG_PASSWORD) {
          mayReadAgain = false;
          this.#password?.forget();
          continue;
        }
        if (this.ending || !mayPass(error) || performance.now() + delayMs >= until) throw error;
        await sleep(delayMs);
      }
    }
  }
}

function mayPass(error: unknown): boolean {
  return !(error instanceof DatabaseError) || PASSING_STATE.test(error.code ?? "");
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error("not an error");
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
