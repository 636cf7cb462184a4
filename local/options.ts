import { resolve } from "node:path";
import { parseArgs } from "node:util";

export interface StartOptions {
  port: number;
  dataDirectory: string;
  demo: boolean;
  /** `host:port` of Google's Pub/Sub emulator; without one a stand-in carries the events. */
  emulatorHost: string | undefined;
}

/** A command line that cannot be followed; the message says which part and what would be right. */
export class OptionError extends Error {
  override name = "OptionError";
}

export const HELP = `Starts Netra on this machine: the databases, every function, and demo data the first time.

Usage: npm start -- [options]

  --port PORT      port on 127.0.0.1; 0 takes a free one       NETRA_PORT      (8080)
  --data-dir DIR   where the data is kept                      NETRA_DATA_DIR  (.netra)
  --no-demo        an empty organization instead of demo data  NETRA_DEMO=0
  --help           this text

With PUBSUB_EMULATOR_HOST=host:port events travel through Google's emulator instead of the stand-in.
When everything is up, the last line on stdout is {"netra":"ready","url":…,"apiKey":…,"organization":…}.
Ctrl-C stops it; the next start finds the data again. To begin anew, stop it and remove the data folder.
`;

/** Reads flags first, then the environment; `help` when that was asked for. Throws OptionError. */
export function readOptions(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): StartOptions | "help" {
  const flags = parseFlags(argv);
  if (flags.help === true) return "help";
  const port = flags.port ?? filled(env["NETRA_PORT"]) ?? "8080";
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw new OptionError(`the port must be a number from 0 to 65535, not "${port}"`);
  }
  return {
    port: Number(port),
    dataDirectory: resolve(cwd, flags["data-dir"] ?? filled(env["NETRA_DATA_DIR"]) ?? ".netra"),
    demo: flags.demo ?? !["0", "false", "no"].includes(env["NETRA_DEMO"] ?? ""),
    emulatorHost: filled(env["PUBSUB_EMULATOR_HOST"]),
  };
}

function parseFlags(argv: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...argv],
      strict: true,
      allowNegative: true,
      options: {
        port: { type: "string" },
        "data-dir": { type: "string" },
        demo: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
    return values;
  } catch (error) {
    throw new OptionError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function filled(value: string | undefined): string | undefined {
  return value === undefined || value === "" ? undefined : value;
}
