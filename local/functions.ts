import { randomUUID } from "node:crypto";
import { http, type HttpFunction } from "@google-cloud/functions-framework";
import { getTestServer } from "@google-cloud/functions-framework/testing";
import { disableDomains } from "../shared/runtime/disable-domains.ts";
import { readConfig as readEventsConfig } from "../functions/events/config.ts";
import { createContext as createEventsContext } from "../functions/events/context.ts";
import { createHandler as createEventsHandler } from "../functions/events/handler.ts";
import { BODY_BYTES_MAX as EVENTS_BODY_BYTES_MAX } from "../functions/events/limits.ts";
import { readConfig as readHealthConfig } from "../functions/health/config.ts";
import { createContext as createHealthContext } from "../functions/health/context.ts";
import {
  BODY_BYTES_MAX as HEALTH_BODY_BYTES_MAX,
  createHandler as createHealthHandler,
} from "../functions/health/handler.ts";
import { readConfig as readIngestConfig } from "../functions/ingest/config.ts";
import { createContext as createIngestContext } from "../functions/ingest/context.ts";
import { createHandler as createIngestHandler } from "../functions/ingest/handler.ts";
import { BODY_BYTES_MAX as INGEST_BODY_BYTES_MAX } from "../functions/ingest/limits.ts";
import { readConfig as readInsightsConfig } from "../functions/insights/config.ts";
import { createContext as createInsightsContext } from "../functions/insights/context.ts";
import {
  BODY_BYTES_MAX as INSIGHTS_BODY_BYTES_MAX,
  createHandler as createInsightsHandler,
} from "../functions/insights/handler.ts";
import { readConfig as readPatternsConfig } from "../functions/patterns/config.ts";
import { createContext as createPatternsContext } from "../functions/patterns/context.ts";
import {
  BODY_BYTES_MAX as PATTERNS_BODY_BYTES_MAX,
  createHandler as createPatternsHandler,
} from "../functions/patterns/handler.ts";
import { readConfig as readRetentionConfig } from "../functions/retention/config.ts";
import { createContext as createRetentionContext } from "../functions/retention/context.ts";
import {
  BODY_BYTES_MAX as RETENTION_BODY_BYTES_MAX,
  createHandler as createRetentionHandler,
} from "../functions/retention/handler.ts";
import { createAdmission } from "../functions/webhooks/admission.ts";
import { readConfig as readWebhooksConfig } from "../functions/webhooks/config.ts";
import { createContext as createWebhooksContext } from "../functions/webhooks/context.ts";
import { createHandler as createWebhooksHandler } from "../functions/webhooks/handler.ts";
import { BODY_BYTES_MAX as WEBHOOKS_BODY_BYTES_MAX, LARGE_BODY_MS } from "../functions/webhooks/limits.ts";
import type { FrontRoute } from "./front.ts";

type Environment = Readonly<Record<string, string | undefined>>;
type WriteLog = (line: string) => void;

interface FunctionEntry {
  prefix: string;
  maxBodyBytes: number;
  open: (
    env: Environment,
    writeLog: WriteLog,
  ) => { handler: HttpFunction; close: () => Promise<void>; guard?: FrontRoute["guard"] };
}

/** Every function of the product, as one process of its own would set it up. */
const FUNCTIONS: readonly FunctionEntry[] = [
  {
    prefix: "/ingest",
    maxBodyBytes: INGEST_BODY_BYTES_MAX,
    open: (env, writeLog) => {
      const context = createIngestContext(readIngestConfig(env), writeLog);
      return { handler: createIngestHandler(context), close: context.close };
    },
  },
  {
    prefix: "/insights",
    maxBodyBytes: INSIGHTS_BODY_BYTES_MAX,
    open: (env, writeLog) => {
      const context = createInsightsContext(readInsightsConfig(env), writeLog);
      return { handler: createInsightsHandler(context), close: context.close };
    },
  },
  {
    prefix: "/webhooks",
    maxBodyBytes: WEBHOOKS_BODY_BYTES_MAX,
    open: (env, writeLog) => {
      const context = createWebhooksContext(readWebhooksConfig(env), writeLog);
      const guard = { admit: createAdmission(context), largeBodyMs: LARGE_BODY_MS };
      return { handler: createWebhooksHandler(context), close: context.close, guard };
    },
  },
  {
    prefix: "/events",
    maxBodyBytes: EVENTS_BODY_BYTES_MAX,
    open: (env, writeLog) => {
      const context = createEventsContext(readEventsConfig(env), writeLog);
      return { handler: createEventsHandler(context), close: context.close };
    },
  },
  {
    prefix: "/health",
    maxBodyBytes: HEALTH_BODY_BYTES_MAX,
    open: (env, writeLog) => {
      const context = createHealthContext(readHealthConfig(env), writeLog);
      return { handler: createHealthHandler(context), close: context.close };
    },
  },
  {
    prefix: "/patterns",
    maxBodyBytes: PATTERNS_BODY_BYTES_MAX,
    open: (env, writeLog) => {
      const context = createPatternsContext(readPatternsConfig(env), writeLog);
      return { handler: createPatternsHandler(context), close: context.close };
    },
  },
  {
    prefix: "/retention",
    maxBodyBytes: RETENTION_BODY_BYTES_MAX,
    open: (env, writeLog) => {
      const context = createRetentionContext(readRetentionConfig(env), writeLog);
      return { handler: createRetentionHandler(context), close: context.close };
    },
  },
];

export interface RunningFunctions {
  routes: FrontRoute[];
  /** Finishes what runs behind the answers, such as the relay, and closes the connections. */
  close: () => Promise<void>;
}

/** Sets every function up in this process, each behind a server of the functions framework. */
export function openFunctions(env: Environment, writeLog: WriteLog): RunningFunctions {
  disableDomains();
  const opened = FUNCTIONS.map(({ prefix, maxBodyBytes, open }) => {
    const { handler, close, guard = {} } = open(env, writeLog);
    const name = `${prefix.slice(1)}-${randomUUID()}`;
    http(name, handler);
    return { route: { prefix, maxBodyBytes, guard, server: getTestServer(name) }, close };
  });
  return {
    routes: opened.map(({ route }) => route),
    close: async () => {
      await Promise.all(opened.map(({ close }) => close()));
    },
  };
}
