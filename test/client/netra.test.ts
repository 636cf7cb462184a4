import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, describe, expect, it } from "vitest";
import type { CommandIo } from "../../client/command.ts";
import { main } from "../../client/netra.ts";
import { createProgress } from "../../client/progress.ts";
import { startFakeServer } from "./fake-server.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function createIo(env: Record<string, string> = {}, terminal = false) {
  const folder = mkdtempSync(join(tmpdir(), "netra-cli-"));
  folders.push(folder);
  const text = { out: "", err: "" };
  const io: CommandIo = {
    env: { NETRA_STATE_DIR: join(folder, "state"), NETRA_DATA_DIR: join(folder, "data"), ...env },
    cwd: folder,
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    outIsTerminal: terminal,
    errIsTerminal: terminal,
    out: (more) => (text.out += more),
    err: (more) => (text.err += more),
    style: (_stream, _format, plain) => plain,
  };
  return { io, text };
}

const COMMANDS = [
  "run",
  "import",
  "stats",
  "shipped",
  "insights",
  "keys",
  "sources",
  "events",
  "subscriptions",
  "predict",
  "health",
  "flush",
];

describe("the command line", () => {
  it.each([["--help"], ["-h"], ["help"]])("explains itself with %s", async (flag) => {
    const { io, text } = createIo();

    expect(await main([flag], io)).toBe(0);
    for (const name of COMMANDS) expect(text.out).toContain(`  ${name}`);
    expect(text.err).toBe("");
  });

  it.each(COMMANDS)("explains %s, with its exit codes, before it looks for a server", async (name) => {
    const { io, text } = createIo();

    expect(await main([name, "--help"], io)).toBe(0);
    expect(text.out).toContain(`Usage: netra ${name}`);
    expect(text.out).toMatch(/Exit codes?:/);
    const help = createIo();
    await main(["help", name], help.io);
    expect(help.text.out).toBe(text.out);
  });

  it.each([
    [["no-such-command"], /no command "no-such-command"/],
    [["run"], /no prompt/],
    [["run", "--no-such-option", "x"], /no-such-option/],
    [["run", "--timeout", "soon", "x"], /--timeout must be/],
    [["run", "--batch", "7", "x"], /--batch must be a UUID/],
    [["stats", "--by", "colour"], /--by cannot be "colour"/],
    [["stats"], /NETRA_URL/],
    [["predict"], /no command to predict/],
    [["predict", "x", "--file", "y"], /not both/],
    [["predict", "x", "--max-usd", "much"], /--max-usd must be dollars/],
    [["predict", "x", "--max-usd", "1", "--gate", "p99"], /--gate must be p50 or p90/],
    [["predict", "x", "--gate", "p50"], /needs --max-usd/],
    [["predict", "x"], /NETRA_URL/],
    [["flush"], /NETRA_URL/],
    [["keys"], /create, list or revoke/],
    [["keys", "revoke"], /id or prefix/],
    [["keys", "create", "--scopes", "everything"], /no scope/],
    [["keys", "list"], /NETRA_ADMIN_DATABASE_URL/],
  ])("ends with 2 and says what is wrong with %j", async (argv, message) => {
    const { io, text } = createIo();

    expect(await main(argv, io)).toBe(2);
    expect(text.err).toMatch(message);
    expect(text.out).toBe("");
  });

  it("says its version", async () => {
    const { io, text } = createIo();

    expect(await main(["--version"], io)).toBe(0);
    expect(text.out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("ends with 3 when the server of stats is away and with 1 when it refuses", async () => {
    const server = await startFakeServer((_attempt, _records, response) => {
      response.writeHead(403, { "content-type": "application/problem+json" });
      response.end(JSON.stringify({ detail: "the key lacks the scope read" }));
      return true;
    });
    const env = { NETRA_INSIGHTS_URL: server.url, NETRA_API_KEY: "ntr_a" };
    const refused = createIo(env);
    expect(await main(["stats"], refused.io)).toBe(1);
    expect(refused.text.err).toContain("the key lacks the scope read");

    await server.close();
    const away = createIo(env);
    expect(await main(["stats"], away.io)).toBe(3);
  });

  it("draws a progress bar on a terminal only", () => {
    const file = createIo();
    createProgress(file.io, "importing").update(1, 2);
    expect(file.text.err).toBe("");

    const terminal = createIo({}, true);
    const bar = createProgress(terminal.io, "importing", () => 0);
    bar.update(1, 2, "3 files");
    expect(terminal.text.err).toContain(" 50 % 3 files");
    bar.end();
    expect(terminal.text.err.endsWith("\r\u001B[2K")).toBe(true);
  });
});
