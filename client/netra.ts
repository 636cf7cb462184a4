import { readFile } from "node:fs/promises";
import type { Command, CommandIo } from "./command.ts";
import { processIo } from "./command.ts";
import { EXIT, UsageError } from "./exit-codes.ts";

// Loaded when asked for: a run should not wait for the parser of transcripts or a database driver.
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import("./commands/run.ts")).runCommand,
  import: async () => (await import("./commands/import.ts")).importCommand,
  stats: async () => (await import("./commands/stats.ts")).statsCommand,
  analytics: async () => (await import("./commands/analytics.ts")).analyticsCommand,
  insights: async () => (await import("./commands/insights.ts")).insightsCommand,
  shipped: async () => (await import("./commands/shipped.ts")).shippedCommand,
  keys: async () => (await import("./commands/keys.ts")).keysCommand,
  sources: async () => (await import("./commands/sources.ts")).sourcesCommand,
  events: async () => (await import("./commands/events.ts")).eventsCommand,
  subscriptions: async () => (await import("./commands/subscriptions.ts")).subscriptionsCommand,
  predict: async () => (await import("./commands/predict.ts")).predictCommand,
  health: async () => (await import("./commands/health.ts")).healthCommand,
  retention: async () => (await import("./commands/retention.ts")).retentionCommand,
  flush: async () => (await import("./commands/flush.ts")).flushCommand,
};

/** Runs one command line and gives the exit code; never throws. */
export async function main(argv: string[], io: CommandIo = processIo()): Promise<number> {
  try {
    return await dispatch(argv, io);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    io.err(`${io.style("err", "red", "netra:")} ${message}\n`);
    if (io.env["NETRA_DEBUG"] !== undefined && error instanceof Error) io.err(`${error.stack ?? ""}\n`);
    return error instanceof UsageError ? EXIT.usage : EXIT.failure;
  }
}

async function dispatch(argv: string[], io: CommandIo): Promise<number> {
  const [first, ...rest] = argv;
  if (first === "--version" || first === "-v") {
    io.out(`${await readVersion()}\n`);
    return EXIT.ok;
  }
  if (first === undefined || first === "--help" || first === "-h" || first === "help") {
    const [topic] = rest;
    if (first === "help" && topic !== undefined) return help(await getCommand(topic), io);
    io.out(await overview(io));
    return first === undefined ? EXIT.usage : EXIT.ok;
  }
  const command = await getCommand(first);
  if (asksForHelp(rest)) return help(command, io);
  return await command.run(rest, io);
}

/** Arguments after `--` belong to someone else. */
function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  const own = end === -1 ? argv : argv.slice(0, end);
  return own.includes("--help") || own.includes("-h");
}

async function getCommand(name: string): Promise<Command> {
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load === undefined) {
    throw new UsageError(`there is no command "${name}"; there are ${Object.keys(COMMANDS).join(", ")}`);
  }
  return await load();
}

function help(command: Command, io: CommandIo): number {
  io.out(`${command.summary}\n\n${command.usage.trimEnd()}\n`);
  return EXIT.ok;
}

async function overview(io: CommandIo): Promise<string> {
  const commands = await Promise.all(Object.values(COMMANDS).map(async (load) => await load()));
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map((one) => `  ${io.style("out", "bold", one.name.padEnd(width))}  ${one.summary}`);
  return `netra: the ledger of what coding agents do and cost

Usage: netra COMMAND [options]
${lines.join("\n")}

  netra COMMAND --help   options of one command
  netra --version

Exit codes: 0 done · 1 failed · 2 wrong command line · 3 server away, kept on disk for netra flush.
netra run ends with the agent's own exit code; netra predict with 3 when the budget would not do.
`;
}

async function readVersion(): Promise<string> {
  const text = await readFile(new URL("../package.json", import.meta.url), "utf8");
  const manifest: unknown = JSON.parse(text);
  const version =
    typeof manifest === "object" && manifest !== null && "version" in manifest && manifest.version;
  return typeof version === "string" ? version : "unknown";
}
