import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type FunctionProcess, startFunctionProcess } from "../../helpers/function-process.ts";
import { until } from "../../helpers/stored.ts";

/** What this file guards: by the short way or the framework's, a function gets the same and answers the same. */
const SOURCE = relative(process.cwd(), fileURLToPath(new URL("echoing-function.ts", import.meta.url)));
const TYPE = "content-type: application/x-ndjson; charset=latin1";

let served: FunctionProcess;
beforeAll(async () => {
  served = await startFunctionProcess("echoing", {}, { source: SOURCE });
});
afterAll(async () => void (await served.end("SIGKILL")));

async function open(): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect({ port: Number(new URL(served.url).port), host: "127.0.0.1", noDelay: true });
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => undefined);
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, "connect");
  return { socket, received: () => text };
}

function post(path: string, body: string, headers = `content-length: ${Buffer.byteLength(body)}`): string {
  return `POST ${path} HTTP/1.1\r\nhost: x\r\n${TYPE}\r\n${headers}\r\n\r\n${body}`;
}

/** The JSON of each answer. */
function answersIn(text: string): unknown[] {
  return text
    .split("HTTP/1.1 ")
    .slice(1)
    .map((answer) => JSON.parse(answer.slice(answer.indexOf("\r\n\r\n"))) as unknown);
}

/** What the log says of the last request for a path: an execution id is made up by the framework alone. */
async function wayOf(path: string): Promise<"short" | "framework"> {
  const lines = (): string[] =>
    served
      .output()
      .split("\n")
      .filter((line) => line.includes(` ${path} `));
  await until(() => lines().length > 0);
  return lines().at(-1)?.includes("execution_id") === true ? "framework" : "short";
}

const echoed = (path: string, body: string): unknown => ({
  body,
  path,
  method: "POST",
  contentType: "application/x-ndjson; charset=latin1",
});

describe("the short way", () => {
  it("takes a body that comes with its head, one after the other and several at once", async () => {
    const { socket, received } = await open();
    socket.write(post("/one", "first \u{20ac}"));
    await until(() => answersIn(received()).length === 1);
    socket.write(post("/two", "second") + post("/two", "third"));
    await until(() => answersIn(received()).length === 3);
    expect(answersIn(received())).toEqual([
      echoed("/one", "first \u{20ac}"),
      echoed("/two", "second"),
      echoed("/two", "third"),
    ]);
    expect(await wayOf("/one")).toBe("short");
  });

  it.each<[string, string, (write: (text: string) => void) => Promise<void>, string]>([
    [
      "comes in pieces",
      "/pieces",
      async (write) => {
        const text = post("/pieces", "0123456789");
        write(text.slice(0, -10));
        await delay(50);
        write(text.slice(-10, -3));
        await delay(50);
        write(text.slice(-3));
      },
      "0123456789",
    ],
    [
      "comes in chunks",
      "/chunks",
      async (write) => write(post("/chunks", "3\r\nabc\r\n0\r\n\r\n", "transfer-encoding: chunked")),
      "abc",
    ],
    [
      "is large",
      "/large",
      async (write) => write(post("/large", "x".repeat(300 * 1024))),
      "x".repeat(300 * 1024),
    ],
    ["is empty", "/empty", async (write) => write(post("/empty", "")), ""],
  ])("leaves a body that %s to the framework", async (_how, path, send, body) => {
    const { socket, received } = await open();
    await send((text) => void socket.write(text));
    await until(() => received().includes(`"path":"${path}"`) && received().endsWith("}"));
    expect(answersIn(received())).toEqual([echoed(path, body)]);
    expect(await wayOf(path)).toBe("framework");
  });

  it("leaves a body that is too large, or broken off, as they were", async () => {
    const { socket, received } = await open();
    socket.write(post("/over", "", `content-length: ${600 * 1024}`));
    await until(() => received().includes("\r\n\r\n"));
    expect(received()).toContain("HTTP/1.1 413 ");

    const { socket: other } = await open();
    other.write(post("/broken", "{", "content-length: 10"));
    await fetch(`${served.url}/else`);
    other.end();
    await until(() => served.output().includes("was broken off"));
  });
});
