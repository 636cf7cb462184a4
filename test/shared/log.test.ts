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
});
