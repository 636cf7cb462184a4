import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import type { CommandIo } from "../../client/command.ts";
import { main } from "../../client/netra.ts";

interface Ran {
  code: number;
  out: string;
  err: string;
}

export interface CommandLine {
  folder: string;
  run: (
    argv: readonly string[],
    options?: { stdin?: string; env?: Record<string, string>; terminal?: boolean },
  ) => Promise<Ran>;
  /** The same with --json, its output parsed; fails when the command does. */
  json: <T>(argv: readonly string[], options?: { stdin?: string }) => Promise<T>;
  remove: () => void;
}

/** `netra` in a folder of its own: of a local server when `local` says which, else with an environment alone. */
export function createCommandLine(
  options: {
    env?: Record<string, string>;
    local?: { adminDatabaseUrl: string; organizationId: string };
  } = {},
): CommandLine {
  const folder = mkdtempSync(join(tmpdir(), "netra-cli-"));
  const dataDirectory = join(folder, "data");
  if (options.local !== undefined) {
    mkdirSync(dataDirectory);
    const connection = { url: "http://127.0.0.1:8080", apiKey: "ntr_x", ...options.local };
    writeFileSync(join(dataDirectory, "connection.json"), JSON.stringify(connection));
  }
  const run: CommandLine["run"] = async (argv, { stdin = "", env = {}, terminal = false } = {}) => {
    const text = { out: "", err: "" };
    const io: CommandIo = {
      env: { NETRA_DATA_DIR: dataDirectory, ...options.env, ...env },
      cwd: folder,
      stdin: Readable.from([Buffer.from(stdin)]),
      stdout: new PassThrough(),
      stderr: new PassThrough(),
      outIsTerminal: terminal,
      errIsTerminal: terminal,
      out: (more) => (text.out += more),
      err: (more) => (text.err += more),
      style: (_stream, _format, plain) => plain,
    };
    const code = await main([...argv], io);
    return { code, ...text };
  };
  return {
    folder: dataDirectory,
    run,
    async json<T>(argv: readonly string[], more: { stdin?: string } = {}) {
      const { code, out, err } = await run([...argv, "--json"], more);
      if (code !== 0) throw new Error(`netra ${argv.join(" ")} ended with ${code}: ${err}`);
      return JSON.parse(out) as T;
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}
