import { AsyncLocalStorage } from "node:async_hooks";
import { describe, expect, it } from "vitest";
import { createLog, describeError } from "../../shared/log.ts";

async function lines(write: (log: ReturnType<typeof createLog>) => void): Promise<Record<string, unknown>[]> {
  const texts: string[] = [];
  write(createLog("test", (text) => texts.push(text)));
  await new Promise((resolve) => setImmediate(resolve));
  return texts
    .join("")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("the log", () => {
  it("has an error reported with its stack, and never with its message", async () => {
    const [line] = await lines((log) =>
      log("ERROR", "could not store", describeError(new TypeError("the password is hunter2"))),
    );
    expect(line).toMatchObject({
      severity: "ERROR",
      message: "could not store",
      "@type": "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent",
      stack_trace: expect.stringMatching(/^TypeError\n {4}at .*log\.test\.ts:\d+:\d+/) as unknown,
    });
    expect(JSON.stringify(line)).not.toContain("hunter2");
  });

  it("tells the code of a failure, a number too", async () => {
    const failure = Object.assign(new Error("no"), { code: 7 });
    const [line] = await lines((log) => log("CRITICAL", "refused", describeError(failure)));
    expect(line).toMatchObject({
      error_code: 7,
      stack_trace: expect.stringMatching(/^Error: 7\n/) as unknown,
    });
  });

  it("reports neither a warning nor an error without a stack", async () => {
    const written = await lines((log) => {
      log("WARNING", "a connection broke", describeError(new Error("gone")));
      log("ERROR", "503");
    });
    expect(written).toHaveLength(2);
    for (const line of written) expect(line).not.toHaveProperty("@type");
  });

  it("is one line an entry whatever is in it, and short enough to be taken", async () => {
    const written = await lines((log) => {
      log("INFO", 'a\nb\u2028"}\r\n{"severity":"CRITICAL"', { note: "c\nd" });
      log("INFO", "x".repeat(1_000_000));
      log("INFO", "many", { values: "y".repeat(1_000_000) });
    });
    expect(written).toHaveLength(3);
    expect(written[0]).toMatchObject({ severity: "INFO", note: "c\nd" });
    expect(written[1]).toMatchObject({ message: "x".repeat(1_000), fields_left_out: true });
    expect(written[2]).toMatchObject({ severity: "INFO", message: "many", service: "test" });
    expect(written[2]).not.toHaveProperty("values");
  });

  it("fails nothing by what it cannot write: endless causes, numbers that are no JSON, a stack that is none", async () => {
    const endless = new Error("round");
    endless.cause = new Error("and round", { cause: endless });
    const odd = Object.assign(new Error("odd"), { stack: 5 });
    const written = await lines((log) => {
      log("ERROR", "endless", describeError(endless));
      log("WARNING", "odd", describeError(odd));
      log("INFO", "big", { n: 1n });
    });
    expect(written).toMatchObject([
      { message: "endless", cause: { error: "Error", cause: { error: "Error" } } },
      { message: "odd", stack: [] },
      { message: "big", fields_left_out: true },
    ]);
  });

  it("takes no line of a message for a frame of the stack", async () => {
    const error = new Error("said");
    error.stack = `Error: said\n    at the top of it stands hunter2\n    at run (file:///app/index.js:1:2)`;
    const [line] = await lines((log) => log("ERROR", "failed", describeError(error)));
    expect(line).toMatchObject({ stack: ["at run (file:///app/index.js:1:2)"] });
    expect(JSON.stringify(line)).not.toContain("hunter2");
  });

  it("writes outside of the request it is for, where the framework adds nothing to what is written", async () => {
    const request = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const log = createLog("test", () => seen.push(request.getStore()));
    request.run("a request", () => log("INFO", "later"));
    await new Promise((resolve) => setImmediate(resolve));
    request.run("a request", () => log("CRITICAL", "at once"));
    expect(seen).toEqual([undefined, undefined]);
  });

  it("writes at once what is critical, with all before it", () => {
    const texts: string[] = [];
    const log = createLog("test", (text) => texts.push(text));
    log("INFO", "before");
    expect(texts).toEqual([]);
    log("CRITICAL", "the end");
    expect(texts.join("").trimEnd().split("\n")).toHaveLength(2);
  });
});
