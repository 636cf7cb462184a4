import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { type FunctionProcess, startFunctionProcess } from "../../helpers/function-process.ts";
import { until } from "../../helpers/stored.ts";

/** Long enough for a process to do what a signal makes it do. */
const SIGNAL_MS = 300;
const AWAY = {
  DATABASE_URL: "postgres://netra_service:wrong@127.0.0.1:9/postgres",
  CLICKHOUSE_URL: "http://netra:wrong@127.0.0.1:9/netra_analytics",
};

/** A function that has taken a request whose body is not there yet; `finish` sends that and reads the answer. */
async function startBusy(): Promise<{ process: FunctionProcess; finish: () => Promise<string> }> {
  const process = await startFunctionProcess("ingest", AWAY);
  onTestFinished(async () => {
    await process.end("SIGKILL");
  });
  const socket = connect(Number(new URL(process.url).port), "127.0.0.1");
  let received = "";
  socket.on("data", (chunk: Buffer) => (received += chunk.toString()));
  socket.on("error", () => socket.destroy());
  socket.write(
    "POST /v1/executions HTTP/1.1\r\nhost: netra\r\nexpect: 100-continue\r\n" +
      "content-type: application/json\r\ncontent-length: 2\r\n\r\n",
  );
  await until(() => received.includes("100 Continue"));
  received = "";
  return {
    process,
    async finish() {
      const closed = once(socket, "close");
      socket.write("{}");
      await closed;
      return received;
    },
  };
}

async function signal({ child }: FunctionProcess, name: NodeJS.Signals): Promise<void> {
  child.kill(name);
  await delay(SIGNAL_MS);
}

it("goes on with what it has taken when it is told to stop once more", async () => {
  const { process, finish } = await startBusy();
  const exited = once(process.child, "exit");
  for (let times = 0; times < 3; times += 1) await signal(process, "SIGTERM");
  await signal(process, "SIGINT");
  expect(await finish()).toMatch(/^HTTP\/1\.1 401 /);
  expect(await exited).toEqual([0, null]);
});

it("ends at the second Ctrl-C, each of which npm doubles, for somebody who does not want to wait", async () => {
  const { process } = await startBusy();
  await signal(process, "SIGINT");
  await signal(process, "SIGINT");
  expect(process.child.exitCode).toBeNull();
  expect(await process.end("SIGINT")).toBe(130);
});
