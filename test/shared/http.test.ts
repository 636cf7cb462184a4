import { afterEach, describe, expect, it, vi } from "vitest";
import { AppError } from "../../shared/errors.ts";
import { type Handle, httpHandler, route } from "../../shared/http.ts";
import { createLog } from "../../shared/log.ts";
import { type ServedFunction, serveFunction } from "../helpers/serve-function.ts";
import { until } from "../helpers/stored.ts";

/** What this file guards: every request has one answer and one line in the log, whatever a handler does. */
let served: ServedFunction | undefined;
let lines: string[];

afterEach(async () => {
  await served?.close();
  vi.restoreAllMocks();
});

async function ask(
  handle: Handle,
  path = "/thing",
): Promise<{ response: Response; line: Record<string, unknown> }> {
  lines = [];
  const log = createLog("test", (text) => lines.push(text));
  served = await serveFunction(httpHandler({ log, projectId: "p" }, route({ "POST /thing": handle })), 1_024);
  const response = await fetch(`${served.url}${path}`, { method: "POST", body: "{}" });
  await until(() => lines.length > 0);
  const [line = "", ...more] = lines.join("").trimEnd().split("\n");
  expect(more).toEqual([]);
  return { response, line: JSON.parse(line) as Record<string, unknown> };
}

describe("a handler", () => {
  it.each<[string, Handle]>([
    ["throws", () => Promise.reject(new TypeError("the password is hunter2"))],
    ["throws what is no error", () => Promise.reject("hunter2")],
    ["answers what cannot be written", async () => ({ status: 200, body: { hunter2: 1n } })],
    [
      "answers with a header that cannot be",
      async () => ({ status: 200, body: {}, headers: { x: "hunter2\n" } }),
    ],
  ])("that %s answers 500 with a number to ask by, and no more is told", async (_what, handle) => {
    const text = vi.spyOn(console, "error");
    const { response, line } = await ask(handle);
    const body = (await response.json()) as { request_id: string };
    expect(response.status).toBe(500);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(line).toMatchObject({
      severity: "ERROR",
      message: "POST /thing 500",
      request_id: body.request_id,
    });
    expect(JSON.stringify([body, line])).not.toContain("hunter2");
    expect(text).not.toHaveBeenCalled();
  });

  it("that refuses tells the sender why, and the log from what", async () => {
    const cause = Object.assign(new Error("hunter2"), { code: "57P01" });
    const { response, line } = await ask(() =>
      Promise.reject(new AppError("unavailable", "come again", { cause, retryAfterSeconds: 0.2 })),
    );
    expect(response.headers.get("retry-after")).toBe("1");
    expect(await response.json()).toMatchObject({ status: 503, detail: "come again" });
    expect(line).toMatchObject({ severity: "ERROR", status: 503, error_code: "57P01" });
    expect(JSON.stringify(line)).not.toContain("hunter2");
  });

  it("that nobody has for a path is not named by it, for it may hold anything", async () => {
    const { response, line } = await ask(async () => ({ status: 200, body: {} }), "/ntr_pasted-here?key=x");
    expect(response.status).toBe(404);
    expect(JSON.stringify(line)).not.toContain("pasted");
  });
});
