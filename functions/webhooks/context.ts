import { type Batches, createBatches } from "../../shared/batches.ts";
import { createCircuitBreaker } from "../../shared/circuit-breaker.ts";
import { createLog, type Log } from "../../shared/log.ts";
import { createOidcVerifier, type OidcVerifier } from "../../shared/oidc.ts";
import { databaseOf } from "../../shared/postgres/environment.ts";
import type { IntakeRow } from "../../shared/postgres/event-intake.ts";
import { createPool } from "../../shared/postgres/pool.ts";
import { createAccessTokens } from "../../shared/pubsub/access-token.ts";
import { createPublisher } from "../../shared/pubsub/publisher.ts";
import { createRateLimiter, type RateLimiter } from "../../shared/rate-limit.ts";
import type { VerificationKey } from "../../shared/signing-secret.ts";
import { createSecretSource, type SecretSource } from "../../shared/secret-source.ts";
import { secretPlacesOf } from "../../shared/secrets-environment.ts";
import { createTracing, type Tracing } from "../../shared/tracing.ts";
import type { WebhooksConfig } from "./config.ts";
import { createSources, type Sources } from "./find-source.ts";
import { createInflater, type Inflater } from "./inflate-body.ts";
import { createNudges, type Nudges } from "./publish-nudges.ts";
import { createRejectedLog, type RejectedLog } from "./rejected-log.ts";
import { createStore, type StoreOutcome } from "./store-events.ts";
import { createSecretTouches, type SecretTouches } from "./touch-secrets.ts";

export interface WebhooksContext {
  sources: Sources;
  secrets: SecretSource;
  /** Keys that were read from secrets, by format and text. */
  keys: Map<string, VerificationKey>;
  inflater: Inflater;
  oidc: OidcVerifier;
  limiter: RateLimiter;
  complaints: RateLimiter;
  /** Events on their way into the ledger, by organization. */
  batches: Batches<IntakeRow, StoreOutcome>;
  nudges: Nudges;
  rejected: RejectedLog;
  touches: SecretTouches;
  tracing: Tracing;
  projectId: string | undefined;
  log: Log;
  now: () => number;
  close: () => Promise<void>;
}

const WRITES_IN_FLIGHT = 4;
const WRITES_IN_FLIGHT_OF_ONE = 1;
const BATCH_EVENTS_MAX = 200;
const BATCH_BYTES_MAX = 8 * 1024 * 1024;
const QUEUED_EVENTS_MAX = 20_000;
const QUEUED_BYTES_MAX = 96 * 1024 * 1024;
const COMPLAIN_EVERY_SECONDS = 60;
/** Senders wait 3 (Slack), 5 (Linear) or 10 seconds (GitHub) for an answer. */
const TIMEOUTS = { statementTimeoutMs: 5_000, answerGraceMs: 500, connectionTimeoutMs: 2_500 };
const BREAKER = { failuresMax: 3, openMs: 15_000 };

/** Everything the function needs, made once for each instance. Nothing connects before the first request. */
export function createContext(
  config: WebhooksConfig,
  writeLog: (line: string) => unknown = (line) => process.stdout.write(line),
  now: () => number = Date.now,
): WebhooksContext {
  const log = createLog("webhooks", writeLog);
  const secrets = createSecretSource({ env: config.secretsEnv, ...secretPlacesOf(config), log, now });
  const pool = createPool({
    ...databaseOf(config, secrets),
    connectionsMax: config.NETRA_DATABASE_CONNECTIONS,
    applicationName: "netra-webhooks",
    log,
    ...TIMEOUTS,
  });
  const batches = createBatches({
    run: createStore(pool),
    inFlightMax: WRITES_IN_FLIGHT,
    inFlightOfKeyMax: WRITES_IN_FLIGHT_OF_ONE,
    batchItemsMax: BATCH_EVENTS_MAX,
    batchBytesMax: BATCH_BYTES_MAX,
    queuedItemsMax: QUEUED_EVENTS_MAX,
    queuedBytesMax: QUEUED_BYTES_MAX,
  });
  const nudges = createNudges({
    publisher: createPublisher({
      emulatorHost: config.PUBSUB_EMULATOR_HOST,
      tokens: createAccessTokens({ metadataHost: config.GCE_METADATA_HOST, now }),
    }),
    breaker: createCircuitBreaker({ ...BREAKER, now }),
    topic: config.eventsTopic,
    waitMs: config.NETRA_PUBLISH_WAIT_MS,
    log,
    now,
  });
  const tracing = createTracing({ environment: config, service: "webhooks", log, now });
  const rejected = createRejectedLog({ pool, log, now });
  const touches = createSecretTouches({ pool, log, now });
  const perSecond = config.NETRA_REQUESTS_PER_SECOND;
  return {
    sources: createSources({ pool, now }),
    secrets,
    keys: new Map(),
    inflater: createInflater(),
    oidc: createOidcVerifier({ keysUrl: config.NETRA_OIDC_KEYS_URL, now }),
    limiter: createRateLimiter({ perSecond, burst: 2 * perSecond, now }),
    complaints: createRateLimiter({ perSecond: 1 / COMPLAIN_EVERY_SECONDS, burst: 1, now }),
    batches,
    nudges,
    rejected,
    touches,
    tracing,
    projectId: config.GOOGLE_CLOUD_PROJECT,
    log,
    now,
    async close() {
      await nudges.close();
      await rejected.close();
      await touches.close();
      await tracing.close();
      await pool.end();
    },
  };
}
