import { createBatches } from "../../shared/batches.ts";
import { type CheckCaller, createCallerCheck } from "../../shared/check-caller.ts";
import { createLog, type Log } from "../../shared/log.ts";
import { createOidcVerifier } from "../../shared/oidc.ts";
import type { EventKey } from "../../shared/postgres/event-processing.ts";
import { databaseOf } from "../../shared/postgres/environment.ts";
import { withJobRun } from "../../shared/postgres/job-runs.ts";
import { createPool } from "../../shared/postgres/pool.ts";
import { createAccessTokens } from "../../shared/pubsub/access-token.ts";
import { createPublisher } from "../../shared/pubsub/publisher.ts";
import { createSecretSource } from "../../shared/secret-source.ts";
import { secretPlacesOf } from "../../shared/secrets-environment.ts";
import { createTracing, type Tracing } from "../../shared/tracing.ts";
import type { EventsConfig } from "./config.ts";
import { createDeliverer, type Deliverer } from "./deliver/deliverer.ts";
import { createEventQueue, type EventQueue } from "./event-queue.ts";
import { createNudger } from "./nudge-workers.ts";
import { createEventProcessor, type EventOutcome } from "./process-events.ts";
import { createReconciler, type Reconciled } from "./reconcile/reconcile-github.ts";
import { createSweeper, type Sweeper } from "./sweep.ts";
import {
  BATCH_EVENTS_MAX,
  BATCHES_IN_FLIGHT_MAX,
  BATCHES_IN_FLIGHT_OF_ONE_MAX,
  QUEUED_EVENTS_MAX,
  QUEUED_EVENTS_OF_ONE_MAX,
} from "./limits.ts";

export interface EventsContext {
  checkCaller: CheckCaller;
  queue: EventQueue;
  deliverer: Deliverer;
  sweeper: Sweeper;
  reconciler: { reconcile: (deadlineMs: number) => Promise<Reconciled> };
  tracing: Tracing;
  projectId: string | undefined;
  log: Log;
  close: () => Promise<void>;
}

/** Everything the function needs, made once for each instance. Nothing connects before the first request. */
export function createContext(
  config: EventsConfig,
  writeLog: (line: string) => unknown = (line) => process.stdout.write(line),
): EventsContext {
  const log = createLog("events", writeLog);
  const now = Date.now;
  const random = Math.random;
  const secrets = createSecretSource({ env: config.secretsEnv, ...secretPlacesOf(config), log, now });
  const pool = createPool({
    ...databaseOf(config, secrets),
    connectionsMax: config.NETRA_DATABASE_CONNECTIONS,
    applicationName: "netra-events",
    log,
  });
  const publisher = createPublisher({
    emulatorHost: config.PUBSUB_EMULATOR_HOST,
    tokens: createAccessTokens({ metadataHost: config.GCE_METADATA_HOST, now }),
  });
  const nudger = createNudger({ publisher, topic: config.topic, waitMs: config.NETRA_PUBLISH_WAIT_MS, log });
  const deliverer = createDeliverer({
    pool,
    publisher,
    secrets,
    privateTargets: config.NETRA_PRIVATE_TARGETS === "1",
    ownTopics: [config.topic],
    log,
    now,
    random,
  });
  const processor = createEventProcessor({ pool, nudger, log, now, random });
  const batches = createBatches<EventKey, EventOutcome>({
    run: processor.process,
    inFlightMax: BATCHES_IN_FLIGHT_MAX,
    inFlightOfKeyMax: BATCHES_IN_FLIGHT_OF_ONE_MAX,
    batchItemsMax: BATCH_EVENTS_MAX,
    // A nudge says nothing of its event's size: the claim bounds what is read at once.
    batchBytesMax: BATCH_EVENTS_MAX,
    queuedItemsMax: QUEUED_EVENTS_MAX,
    queuedItemsOfKeyMax: QUEUED_EVENTS_OF_ONE_MAX,
    queuedBytesMax: QUEUED_EVENTS_MAX,
  });
  const tracing = createTracing({ environment: config, service: "events", log, now });
  const sweeper = createSweeper({ pool, nudger, now });
  const reconciler = createReconciler({ pool, secrets, apiUrl: config.NETRA_GITHUB_API_URL, log, now });
  return {
    checkCaller: createCallerCheck(config, createOidcVerifier({ keysUrl: config.NETRA_OIDC_KEYS_URL, now })),
    queue: createEventQueue(batches),
    deliverer,
    sweeper: {
      sweep: () =>
        withJobRun({ pool, log, job: "events-sweep" }, sweeper.sweep, (swept) => ({
          outcome: swept.is_done ? "succeeded" : "partial",
          counts: { ...swept },
        })),
    },
    reconciler: {
      reconcile: (deadlineMs) =>
        withJobRun(
          { pool, log, job: "events-reconcile" },
          () => reconciler.reconcile(deadlineMs),
          (reconciled) => ({
            outcome: reconciled.errors > 0 ? "partial" : "succeeded",
            counts: { ...reconciled },
          }),
        ),
    },
    tracing,
    projectId: config.GOOGLE_CLOUD_PROJECT,
    log,
    async close() {
      await deliverer.close();
      await tracing.close();
      await pool.end();
    },
  };
}
