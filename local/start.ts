import { StartError } from "./start-error.ts";
import { HELP, OptionError, readOptions, type StartOptions } from "./options.ts";
import { createReport, type Report } from "./report.ts";

const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;
/** One Ctrl-C reaches us twice, from the terminal and from npm; only a later one is meant as a second. */
const SAME_SIGNAL_MS = 700;
const PARENT_CHECK_MS = 1_000;

/** Runs until a signal stops it; gives the exit code. */
async function main(report: Report): Promise<number> {
  const options = readOptions(process.argv.slice(2), process.env, process.cwd());
  if (options === "help") {
    process.stdout.write(HELP);
    return EXIT.ok;
  }
  const stopping = new AbortController();
  stopOnSignals(stopping, report);
  try {
    return await run(options, report, stopping.signal);
  } catch (error) {
    if (stopping.signal.aborted) return EXIT.interrupted;
    throw error;
  }
}

async function run(options: StartOptions, report: Report, signal: AbortSignal): Promise<number> {
  // Loaded only now, so that help and a wrong option are answered at once.
  const [{ startStack }, { describeLedger }] = await Promise.all([
    import("./stack.ts"),
    import("./summary.ts"),
  ]);
  const stack = await startStack(options, report, signal);
  let failed: string | null = null;
  try {
    const { url, apiKey, organization } = stack.connection;
    report.line(
      `\n${organization}, the last 12 months:\n\n${await describeLedger(stack.connection, new Date())}\n`,
    );
    report.line(describeAddresses(stack.connection, options.dataDirectory, stack.logFile));
    process.stdout.write(`${JSON.stringify({ netra: "ready", url, apiKey, organization })}\n`);
    failed = await Promise.race([aborted(signal), stack.failed]);
    if (failed !== null) report.line(`${failed} ended by itself; its log is in ${options.dataDirectory}.`);
  } finally {
    await report.step("Stopping", () => stack.close());
  }
  return failed === null ? EXIT.ok : EXIT.failed;
}

function describeAddresses(connection: { url: string }, dataDirectory: string, logFile: string): string {
  return [
    `Ingest    POST ${connection.url}/ingest/v1/executions`,
    `Insights  GET  ${connection.url}/insights/v1/summary`,
    `Webhooks  POST ${connection.url}/webhooks/{source}/{endpoint}`,
    `Data      ${dataDirectory}  (keys and addresses in connection.json)`,
    `Log       ${logFile}`,
    "Ctrl-C stops it; the data stays.",
  ].join("\n");
}

function stopOnSignals(stopping: AbortController, report: Report): void {
  let firstAt: number | null = null;
  const stop = (): void => {
    const now = performance.now();
    if (firstAt === null) {
      firstAt = now;
      report.line("\nStopping when the requests in flight are answered; again to stop at once.");
      stopping.abort();
    } else if (now - firstAt > SAME_SIGNAL_MS) {
      process.exit(EXIT.interrupted);
    }
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  if (process.env["npm_lifecycle_event"] === "start") stopWithoutParent(stop);
}

/** A killed npm cannot tell us; without it nobody would end what it started. */
function stopWithoutParent(stop: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    stop();
  }, PARENT_CHECK_MS);
  timer.unref();
}

function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    else signal.addEventListener("abort", () => resolve(null), { once: true });
  });
}

/** The messages of a start are written for people; the stack is for whoever asks for it. */
function explain(error: unknown): { code: number; text: string } {
  if (error instanceof OptionError) return { code: EXIT.usage, text: `${error.message}\n\n${HELP}` };
  if (!(error instanceof Error)) return { code: EXIT.failed, text: String(error) };
  const wantsStack = process.env["NETRA_DEBUG"] !== undefined && !(error instanceof StartError);
  return { code: EXIT.failed, text: wantsStack ? (error.stack ?? error.message) : error.message };
}

// A reader that has gone away must not end the server.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
const report = createReport(process.stderr);
try {
  process.exitCode = await main(report);
} catch (error) {
  const { code, text } = explain(error);
  report.line(text);
  process.exitCode = code;
}
process.exit();
