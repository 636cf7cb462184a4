import type { IncomingMessage } from "node:http";
import type { LogFields } from "./log.ts";

/** Which trace a request belongs to, as its caller or the platform says. */
export interface Trace {
  /** 32 hexadecimal digits. */
  traceId: string;
  /** 16 of the caller's span; null where it is not told. */
  spanId: string | null;
  isSampled: boolean;
}

/** All zeros stand for none. */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;
/** `TRACE/SPAN;o=1`, where the span is a decimal number. */
const CLOUD_TRACE = /^(?!0{32})([0-9a-f]{32})(?:\/(\d{1,20}))?(?:;o=(\d))?$/;
const EXECUTION_ID = /^[\w-]{1,64}$/;

/** The trace of `traceparent` (W3C), else of the platform's older header; null where neither is there. */
export function traceOf({ headers }: Pick<IncomingMessage, "headers">): Trace | null {
  const [, traceId, spanId, flags = "0"] = TRACEPARENT.exec(String(headers["traceparent"])) ?? [];
  if (traceId !== undefined) {
    return { traceId, spanId: spanId ?? null, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
  }
  const [, cloudTraceId, span, isSampled] = CLOUD_TRACE.exec(String(headers["x-cloud-trace-context"])) ?? [];
  if (cloudTraceId === undefined) return null;
  return {
    traceId: cloudTraceId,
    spanId: span === undefined ? null : hexOf(span),
    isSampled: isSampled === "1",
  };
}

/** Fields by which Cloud Logging shows a line beside the request's own entry, under its trace and its execution. */
export function traceFields(
  request: Pick<IncomingMessage, "headers"> & { executionId?: string | undefined },
  projectId: string | undefined,
): LogFields {
  const trace = traceOf(request);
  // The framework makes one up where the platform gives none.
  const executionId = request.executionId ?? String(request.headers["function-execution-id"] ?? "");
  return {
    ...(EXECUTION_ID.test(executionId)
      ? { "logging.googleapis.com/labels": { execution_id: executionId } }
      : {}),
    ...(trace === null || projectId === undefined
      ? {}
      : {
          "logging.googleapis.com/trace": `projects/${projectId}/traces/${trace.traceId}`,
          ...(trace.spanId === null ? {} : { "logging.googleapis.com/spanId": trace.spanId }),
          "logging.googleapis.com/trace_sampled": trace.isSampled,
        }),
  };
}

/** A span as 16 hexadecimal digits; zero is none, nor is what does not fit 64 bits. */
function hexOf(decimal: string): string | null {
  const span = BigInt(decimal);
  return span > 0n && span < 2n ** 64n ? span.toString(16).padStart(16, "0") : null;
}
