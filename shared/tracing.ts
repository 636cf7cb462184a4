import { setTimeout as sleep } from "node:timers/promises";
import type { Span, Tracer } from "@opentelemetry/api";
import type { TracerProvider } from "@opentelemetry/sdk-trace";
import type { z } from "zod";
import { httpUrl } from "./config.ts";
import { describeError, type Log } from "./log.ts";
import type { Trace } from "./trace.ts";

/** Traces are made only where there is somebody to send them to. */
export const TRACING_ENVIRONMENT = {
  /** Base address of an OTLP receiver over HTTP, such as a collector beside the function. */
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl.optional(),
};

interface SpanOptions {
  name: string;
  kind: "server" | "consumer";
  /** What it is part of; without it a trace begins. */
  parent: Trace | null;
  /** Ids and kinds, never contents. */
  attributes?: Readonly<Record<string, string>>;
}

export interface Tracing {
  /** Runs work as a span, which ends when it does; the work gets the span's `traceparent` to hand on. */
  inSpan: <T>(options: SpanOptions, work: (traceparent: string | undefined) => Promise<T>) => Promise<T>;
  /** Sends what has not been sent, if the receiver takes it soon. */
  close: () => Promise<void>;
}

interface Sdk {
  provider: TracerProvider;
  start: (options: SpanOptions) => Span;
  fail: (span: Span) => void;
}

const COMPLAIN_EVERY_MS = 60_000;
/** The platform gives ten seconds from the signal to the end, and requests and stores come first. */
const CLOSE_MS = 2_000;
const BATCHES = {
  maxQueueSize: 2_048,
  maxExportBatchSize: 512,
  scheduledDelayMillis: 1_000,
  exportTimeoutMillis: 5_000,
};

/**
 * Without an endpoint everything is run as it is, and nothing of OpenTelemetry is loaded. With one, traces are sent in the
 * background; one that cannot be sent is dropped and fails nothing. Whether a trace is kept is decided where it begins.
 */
export function createTracing(options: {
  environment: z.output<z.ZodObject<typeof TRACING_ENVIRONMENT>>;
  service: string;
  log: Log;
  now: () => number;
}): Tracing {
  const { environment, service, log, now } = options;
  const endpoint = environment.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint === undefined) return { inSpan: (_span, work) => work(undefined), close: async () => {} };
  let complainedAt = -Infinity;
  const complain = (error: unknown): void => {
    if (now() - complainedAt < COMPLAIN_EVERY_MS) return;
    complainedAt = now();
    log("WARNING", "traces could not be sent", describeError(error));
  };
  const loading = load(endpoint, service, () => complain(new Error("the receiver did not take them"))).catch(
    (error: unknown) => {
      complain(error);
      return null;
    },
  );

  return {
    async inSpan(spanOptions, work) {
      const sdk = await loading;
      if (sdk === null) return work(undefined);
      const span = sdk.start(spanOptions);
      try {
        return await work(traceparentOf(span));
      } catch (error) {
        // The message may quote what was sent.
        span.setAttribute("error.type", error instanceof Error ? error.name : typeof error);
        sdk.fail(span);
        throw error;
      } finally {
        span.end();
      }
    },
    async close() {
      const sent = loading.then((sdk) => sdk?.provider.shutdown()).catch(complain);
      await Promise.race([sent, sleep(CLOSE_MS, undefined, { ref: false })]);
    },
  };
}

function ignore(): void {}

async function load(endpoint: string, service: string, onError: () => void): Promise<Sdk> {
  const [
    { diag, DiagLogLevel, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace },
    sdk,
    { resourceFromAttributes },
    { OTLPTraceExporter },
  ] = await Promise.all([
    import("@opentelemetry/api"),
    import("@opentelemetry/sdk-trace"),
    import("@opentelemetry/resources"),
    import("@opentelemetry/exporter-trace-otlp-http"),
  ]);
  diag.setLogger(
    { error: onError, warn: ignore, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true },
  );
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, "")}/v1/traces` });
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({ "service.name": `netra-${service}` }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.AlwaysOnSampler() }),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter, ...BATCHES })],
  });
  const tracer: Tracer = provider.getTracer("netra");
  const kinds = { server: SpanKind.SERVER, consumer: SpanKind.CONSUMER };
  return {
    provider,
    fail: (span) => void span.setStatus({ code: SpanStatusCode.ERROR }),
    start({ name, kind, parent, attributes = {} }) {
      const context =
        parent === null || parent.spanId === null
          ? ROOT_CONTEXT
          : trace.setSpanContext(ROOT_CONTEXT, {
              traceId: parent.traceId,
              spanId: parent.spanId,
              traceFlags: parent.isSampled ? 1 : 0,
              isRemote: true,
            });
      return tracer.startSpan(name, { kind: kinds[kind], attributes: { ...attributes } }, context);
    },
  };
}

/** In the form of the W3C. */
function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${(traceFlags & 1).toString(16).padStart(2, "0")}`;
}
