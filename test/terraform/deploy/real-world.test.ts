import { describe, expect, it, onTestFinished } from "vitest";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { askHttp, runCommand } from "../../../terraform/deploy/real-world.ts";
import type { Command } from "../../../terraform/deploy/world.ts";

function node(script: string, change: Partial<Command> = {}): Command {
  return {
    title: "a program",
    program: process.execPath,
    args: ["-e", script],
    timeoutMs: 60_000,
    ...change,
  };
}

function run(command: Command, show: (text: string) => void = () => undefined) {
  return runCommand(command, { env: { PATH: process.env["PATH"] }, cwd: import.meta.dirname, show });
}

describe("running a program", () => {
  it("tells its end, what it said on each stream, and passes variables on", async () => {
    const script =
      "process.stdout.write(process.env.A); process.stderr.write('warned'); process.exitCode = 2";

    expect(await run(node(script, { env: { A: "said" } }))).toMatchObject({
      code: 2,
      stdout: "said",
      output: expect.stringContaining("warned"),
    });
  });

  it("shows what is to be shown, and nothing else, so that no token is", async () => {
    const shown: string[] = [];
    const show = (text: string): void => {
      shown.push(text);
    };

    await run(node("console.log('a token')"), show);
    await run(node("console.log('a plan')", { isShown: true }), show);

    expect(shown.join("")).toBe("a plan\n");
  });

  it("tells a program that is not there from one that fails", async () => {
    expect(await run({ ...node(""), program: "netra-no-such-program" })).toMatchObject({ code: null });
  });

  it("interrupts a program that takes too long, and lets it end in its own way", async () => {
    const script =
      "process.on('SIGINT', () => { console.log('state kept'); process.exit(0); }); setInterval(() => {}, 1000); console.log('begun')";

    const answer = await run(node(script, { timeoutMs: 1_500 }));

    expect(answer.code).toBe(124);
    expect(answer.output).toMatch(/state kept\n\nIt was interrupted/);
  });

  it("says by which signal a program ended", async () => {
    const answer = await run(node("process.kill(process.pid, 'SIGKILL')"));

    expect(answer).toMatchObject({ code: 1, output: expect.stringContaining("ended by SIGKILL") });
  });
});

describe("asking over HTTP", () => {
  it("sends method, token and body, follows nothing, and tells what came", async () => {
    const server = createServer((request, response) => {
      response.writeHead(302, { "content-type": "text/plain", location: "http://127.0.0.1:1/" });
      response.end(`${request.method} ${request.headers.authorization} ${request.headers["content-type"]}`);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

    const reply = await askHttp({
      title: "a question",
      method: "POST",
      url,
      token: "t",
      body: {},
      dryAnswer: { status: null, type: "", body: "" },
    });

    expect(reply).toEqual({ status: 302, type: "text/plain", body: "POST Bearer t application/json" });
  });

  it("takes no answer for an answer, with the reason", async () => {
    const dryAnswer = { status: null, type: "", body: "" };
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));

    const reply = await askHttp({ title: "", method: "GET", url: `http://127.0.0.1:${port}/`, dryAnswer });

    expect(reply).toMatchObject({ status: null, body: expect.stringContaining("ECONNREFUSED") });
  });
});
