import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { getTestServer } from "@google-cloud/functions-framework/testing";
import { http } from "@google-cloud/functions-framework";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { createLog } from "../../../shared/log.ts";
import { logFrameworkErrors } from "../../../shared/runtime/framework-errors.ts";
import { type FunctionProcess, startFunctionProcess } from "../../helpers/function-process.ts";
import { closeServer, listenOn } from "../../helpers/google-metadata.ts";
import { until } from "../../helpers/stored.ts";

/** What this file guards: whatever goes wrong outside of our handlers is one JSON line as well, without the error's message. */
const SOURCE = relative(process.cwd(), fileURLToPath(new URL("throwing-function.ts", import.meta.url)));
const TRACE = "0af7651916cd43dd8448eb211c80319c";

function start(): Promise<FunctionProcess> {
  return startFunctionProcess("throwing", {}, { source: SOURCE });
}

/** Every line a process has written, each of which must be JSON. */
function linesOf(process: FunctionProcess): Record<string, unknown>[] {
  const written = process
    .output()
    .split("\n")
    .filter((line) => line !== "");
  return written.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("an upload that is broken off", () => {
  let served: FunctionProcess;
  beforeAll(async () => {
    served = await start();
  });
  afterAll(async () => void (await served.end("SIGKILL")));

  it.each<[string, string, (socket: Socket) => unknown]>([
    ["by an end", "content-length: 1000\r\n\r\n{", (socket) => socket.end()],
    ["by a reset", "content-length: 1000\r\n\r\n{", (socket) => socket.resetAndDestroy()],
    ["in the midst of chunks", "transfer-encoding: chunked\r\n\r\n5\r\nabc", (socket) => socket.destroy()],
    ["by what is no chunk", "transfer-encoding: chunked\r\n\r\nzz\r\nabc", () => undefined],
  ])("%s is one line of its trace, and no error", async (_how, rest, breakOff) => {
    const before = linesOf(served).length;
    const socket = connect(Number(new URL(served.url).port), "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    socket.on("error", () => undefined);
    await once(socket, "connect");
    const head = `POST /a-key-in-a-path HTTP/1.1\r\nhost: x\r\ntraceparent: 00-${TRACE}-b7ad6b7169203331-01\r\n`;
    await new Promise((resolve) => socket.write(head + rest, resolve));
    // It has to be read before it is cut.
    await fetch(`${served.url}/`);
    breakOff(socket);
    await until(() => linesOf(served).length > before);
    expect(linesOf(served).slice(before)).toEqual([
      expect.objectContaining({
        severity: "INFO",
        message: "POST (unknown path) was broken off",
        service: "throwing",
        "logging.googleapis.com/trace": `projects/p/traces/${TRACE}`,
      }),
    ]);
  });
});

describe("an error nobody caught", () => {
  it.each(["callback", "rejection"])(
    "in a %s ends the process with one line that Error Reporting takes, without its message",
    async (how) => {
      const served = await start();
      onTestFinished(async () => void (await served.end("SIGKILL")));
      const ended = once(served.child, "exit");
      await expect(fetch(`${served.url}/${how}`)).rejects.toThrow("fetch failed");
      expect(await ended).toEqual([1, null]);
      expect(linesOf(served)).toEqual([
        expect.objectContaining({
          severity: "CRITICAL",
          error: "Error",
          "@type": expect.stringContaining("ReportedErrorEvent") as unknown,
          stack_trace: expect.stringContaining("throwing-function.ts") as unknown,
        }),
      ]);
      expect(served.output()).not.toContain("hunter2");
    },
  );
});

describe("a body the framework itself refuses", () => {
  it("is answered with a problem document and logged without what was in it", async () => {
    const written: string[] = [];
    const log = createLog("test", (text) => written.push(text));
    http("framework-errors", (_request, response) => void response.end());
    const server = getTestServer("framework-errors");
    logFrameworkErrors(server, { log, projectId: undefined });
    const { port } = await listenOn(server, "127.0.0.1", 0);
    onTestFinished(() => closeServer(server));
    // Nothing guards it here, so the framework reads JSON itself.
    const response = await fetch(`http://127.0.0.1:${port}/`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: `{"password": hunter2}`,
    });
    const { request_id: id } = (await response.json()) as { request_id: string };
    expect(response.status).toBe(500);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(JSON.parse(written.join(""))).toMatchObject({
      severity: "ERROR",
      request_id: id,
      error: "SyntaxError",
    });
    expect(written.join("")).not.toContain("hunter2");
  });

  it("by a framework that is another one is said at the start", () => {
    const log = createLog("test", () => undefined);
    expect(() => logFrameworkErrors(createServer(), { log, projectId: undefined })).toThrow("not known");
  });
});
