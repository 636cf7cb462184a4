import { describe, expect, it } from "vitest";
import { traceFields } from "../../shared/trace.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

describe("fields of a trace", () => {
  it("come from traceparent", () => {
    expect(traceFields({ headers: { traceparent: `00-${TRACE}-${SPAN}-01` } }, "p")).toEqual({
      "logging.googleapis.com/trace": `projects/p/traces/${TRACE}`,
      "logging.googleapis.com/spanId": SPAN,
      "logging.googleapis.com/trace_sampled": true,
    });
  });

  it("come from the platform's older header, whose span is a decimal number", () => {
    const header = `${TRACE}/${BigInt(`0x${SPAN}`)};o=0`;
    expect(traceFields({ headers: { "x-cloud-trace-context": header } }, "p")).toEqual({
      "logging.googleapis.com/trace": `projects/p/traces/${TRACE}`,
      "logging.googleapis.com/spanId": SPAN,
      "logging.googleapis.com/trace_sampled": false,
    });
  });

  it("name the execution, the framework's own before the caller's", () => {
    const headers = { "function-execution-id": "from-platform" };
    const labels = "logging.googleapis.com/labels";
    expect(traceFields({ headers }, undefined)).toEqual({ [labels]: { execution_id: "from-platform" } });
    expect(traceFields({ headers, executionId: "abc" }, undefined)).toEqual({
      [labels]: { execution_id: "abc" },
    });
  });

  it.each([
    ["nothing", {}],
    ["an unknown version", { traceparent: `01-${TRACE}-${SPAN}-01` }],
    ["a trace of zeros", { traceparent: `00-${"0".repeat(32)}-${SPAN}-01` }],
    ["a span of zeros", { traceparent: `00-${TRACE}-${"0".repeat(16)}-01` }],
    ["zeros in the older header", { "x-cloud-trace-context": `${"0".repeat(32)}/1;o=1` }],
    ["two of it", { traceparent: `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01` }],
    ["capital letters", { traceparent: `00-${TRACE.toUpperCase()}-${SPAN}-01` }],
    ["a trace with a line break in it", { "x-cloud-trace-context": `${TRACE}/1\n;o=1` }],
    ["an execution that is no name", { "function-execution-id": "a b" }],
  ])("are left out for %s", (_what, headers) => {
    expect(traceFields({ headers }, "p")).toEqual({});
  });

  it.each(["99999999999999999999", "0"])("leave out a span that is none: %s", (span) => {
    const fields = traceFields({ headers: { "x-cloud-trace-context": `${TRACE}/${span}` } }, "p");
    expect(fields).not.toHaveProperty("logging.googleapis.com/spanId");
    expect(fields).toHaveProperty("logging.googleapis.com/trace");
  });
});
