import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseError, Pool as PgPool, type PoolClient, type PoolConfig } from "pg";
import { createCircuitBreaker } from "../circuit-breaker.ts";
import { AppError } from "../errors.ts";
import { describeError, type Log } from "../log.ts";

export interface SteadyConfig extends PoolConfig {
  /** How long one try may take; also how long one waits while all connections are in use. */
  connectionTimeoutMillis: number;
  max: number;
  /** For how long getting a connection is tried again; 0 makes one try. */
  retryMs: number;
  /** Whether a database that is away is left alone for a while, with callers refused at once. */
  restsWhenAway: boolean;
  log: Log;
}

const FIRST_DELAY_MS = 100;
/** So many failures in a row, each after all its tries, mean that the database is away; one looks again every second. */
const AWAY = { failuresMax: 3, openMs: 1_000 };
const RETRY_AFTER_SECONDS = 2;
/** Connection exceptions, no room for more, a server that starts or stops; other answers stay the same when asked again. */
const PASSING_STATE = /^(08|53300$|57P0[123]$)/;

type Acquired = Parameters<typeof PgPool.prototype.connect>[0];

/**
 * A pool that gets its connections over passing faults and does not keep callers waiting for a database that is away.
 * Only getting a connection is tried again, because nothing has been sent by then. Connections that stand are handed out
 * whatever happened to new ones, and waiting for one of them says nothing about the database.
 */
export class SteadyPool extends PgPool {
  readonly #retryMs: number;
  readonly #breaker: ReturnType<typeof createCircuitBreaker> | null;
  readonly #max: number;
  readonly #log: Log;
  /** Connections that were made and have not ended, idle or lent out. */
  #standing = 0;

  constructor({ retryMs, restsWhenAway, log, ...config }: SteadyConfig) {
    super(config);
    this.#retryMs = retryMs;
    this.#breaker = restsWhenAway
      ? createCircuitBreaker({ ...AWAY, tryMs: config.connectionTimeoutMillis, now: () => performance.now() })
      : null;
    this.#max = config.max;
    this.#log = log;
    this.on("connect", (client) => {
      this.#standing += 1;
      client.once("end", () => (this.#standing -= 1));
    });
  }

  override connect(): Promise<PoolClient>;
  override connect(callback: NonNullable<Acquired>): void;
  override connect(callback?: Acquired): Promise<PoolClient> | void {
    if (callback === undefined) return this.#acquire();
    void this.#acquireFor(callback);
  }

  /** What has to be there before the first connection. Fails for all who wait for it. */
  protected async prepare(): Promise<void> {}

  /** One try. */
  protected open(): Promise<PoolClient> {
    return super.connect();
  }

  /** For `query` of the pool, which would close the connection after whatever the server refuses. */
  async #acquireFor(callback: NonNullable<Acquired>): Promise<void> {
    let client: PoolClient;
    try {
      client = await this.#acquire();
    } catch (error) {
      callback(asError(error), undefined, () => undefined);
      return;
    }
    const release = client.release.bind(client);
    const giveBack = (error?: Error | boolean): void => release(isRefusal(error) ? undefined : error);
    client.release = giveBack;
    callback(undefined, client, giveBack);
  }

  async #acquire(): Promise<PoolClient> {
    const until = performance.now() + this.#retryMs;
    await this.prepare();
    for (let delayMs = FIRST_DELAY_MS; ; delayMs *= 2) {
      const hasNone = this.idleCount === 0;
      const makesOne = hasNone && this.totalCount < this.#max;
      // Who waits while all are being made is in no better place than who makes one.
      const isNew = makesOne || (hasNone && this.#standing === 0);
      if (isNew && this.#breaker?.allows() === false) throw away();
      try {
        const client = await this.open();
        if (isNew) this.#stands();
        return client;
      } catch (error) {
        const pauseMs = delayMs * (0.5 + Math.random());
        const mayWork = mayPass(error) && !this.ending;
        if (mayWork && this.#breaker?.isOpen() !== true && performance.now() + pauseMs < until) {
          await sleep(pauseMs);
          continue;
        }
        if (mayWork && (makesOne || this.#standing === 0)) this.#failed(error);
        throw error;
      }
    }
  }

  #stands(): void {
    if (this.#breaker === null) return;
    const wasOpen = this.#breaker.isOpen();
    this.#breaker.succeeded();
    if (wasOpen) this.#log("INFO", "the database takes connections again", { pool: this.#name });
  }

  #failed(error: unknown): void {
    if (this.#breaker === null) return;
    const wasOpen = this.#breaker.isOpen();
    this.#breaker.failed();
    if (!wasOpen && this.#breaker.isOpen()) {
      this.#log("WARNING", "the database takes no connections, so who needs one is refused at once", {
        pool: this.#name,
        ...describeError(error),
      });
    }
  }

  get #name(): string | undefined {
    return this.options.application_name;
  }
}

function away(): AppError {
  return new AppError("unavailable", "the database cannot be reached right now; send the same again", {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

function mayPass(error: unknown): boolean {
  return !(error instanceof DatabaseError) || PASSING_STATE.test(error.code ?? "");
}

/** The server takes no writes, or what ran before has left a transaction open. */
const TRANSACTION_STATE = "25";

/**
 * Whether a statement failed, and its connection is as good as before. One to a server that takes no writes is not: it has
 * been replaced, and another connection may lead to the one that does.
 */
export function isRefusal(error: unknown): error is DatabaseError {
  return (
    error instanceof DatabaseError &&
    error.severity === "ERROR" &&
    error.code?.startsWith(TRANSACTION_STATE) === false
  );
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error("not an error");
}
