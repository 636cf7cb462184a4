import { describeAgentUse } from "../agent/describe-use.ts";
import type { Command, CommandIo } from "../command.ts";
import { CONNECTION_OPTIONS, CONNECTION_USAGE, parseOptions, wholeNumber } from "../command.ts";
import { findConnection } from "../connection.ts";
import { UsageError } from "../exit-codes.ts";
import { NetraOptimizerClient } from "../netra-optimizer-client.ts";
import { stateDir } from "../state-dir.ts";

export const runCommand: Command = {
  name: "run",
  summary: "Run a coding agent and put what it used and cost into the ledger.",
  usage: `Usage: netra run [options] PROMPT [-- AGENT-ARGUMENTS…]
       netra run [options] -- COMMAND [ARGUMENTS…]

The first form runs  claude -p PROMPT --output-format stream-json --verbose AGENT-ARGUMENTS  and shows its words; the
second runs any command line as it is (one of claude -p gets that output format, unless it names another). Tokens and
cost are read from Claude Code's JSON formats; of other agents the time, the outcome and the exit code are recorded.

Ctrl-C, SIGTERM and SIGHUP are passed on to the agent, and the run is recorded as failed. With the server away, or none
configured, the record waits on disk for netra flush. The command is masked of secrets before it leaves the machine.

  --timeout SEC      end the agent after this time; the run is recorded as timeout
  --grace SEC        time between asking the agent to end and ending it (5)
  --agent PROGRAM    program of the first form (claude)
  --raw              pass the agent's own output on, byte for byte
  --quiet            show neither output nor summary
  --json             print the outcome as JSON; the agent's words go to stderr
  --batch UUID       runs that belong together, in the order of --sequence N

${CONNECTION_USAGE}

Exit code: the agent's own; 128 + signal when it was stopped; 124 at the timeout; 127 when it is not there.`,
  run: runAgent,
};

const TIMEOUT_EXIT = 124;
const SECONDS = { min: 1, max: 2_000_000 };
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

async function runAgent(argv: string[], io: CommandIo): Promise<number> {
  const end = argv.indexOf("--");
  const own = end === -1 ? argv : argv.slice(0, end);
  const rest = end === -1 ? [] : argv.slice(end + 1);
  const { values, positionals } = parseOptions(own, {
    ...CONNECTION_OPTIONS,
    timeout: { type: "string" },
    grace: { type: "string" },
    agent: { type: "string" },
    raw: { type: "boolean", default: false },
    quiet: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    batch: { type: "string" },
    sequence: { type: "string" },
  });
  const prompt = positionals.join(" ").trim();
  if (prompt === "" && rest.length === 0) throw new UsageError("there is no prompt and no command to run");
  if (values.batch !== undefined && !UUID.test(values.batch)) throw new UsageError("--batch must be a UUID");
  const timeout = wholeNumber("timeout", values.timeout, SECONDS);
  const grace = wholeNumber("grace", values.grace, SECONDS);
  const sequence = wholeNumber("sequence", values.sequence, { min: 0, max: 2_147_483_647 });

  const client = new NetraOptimizerClient({
    connection: findConnection({ env: io.env, cwd: io.cwd, flags: values }, "ingest"),
    env: io.env,
    stateFolder: stateDir(io.env),
    ...(values.agent === undefined ? {} : { program: values.agent }),
    onNotice: (message) => io.err(`${io.style("err", "yellow", "netra:")} ${message}\n`),
  });
  const result = await client.run(prompt === "" ? rest : prompt, {
    cwd: io.cwd,
    agentArgs: prompt === "" ? [] : rest,
    display: values.quiet ? "none" : values.raw ? "raw" : "text",
    stdout: values.json ? io.stderr : io.stdout,
    stderr: io.stderr,
    showTools: io.errIsTerminal,
    inheritStdin: !process.stdin.isTTY,
    ...(timeout === undefined ? {} : { timeoutMs: timeout * 1_000 }),
    ...(grace === undefined ? {} : { graceMs: grace * 1_000 }),
    ...(values.batch === undefined ? {} : { batchId: values.batch }),
    ...(sequence === undefined ? {} : { executionSequence: sequence }),
  });
  if (values.json) {
    const { text, ...outcome } = result;
    io.out(`${JSON.stringify({ ...outcome, text })}\n`);
  } else if (!values.quiet && io.errIsTerminal) {
    io.err(`${io.style("err", "dim", describeAgentUse(result.execution))}\n`);
  }
  if (result.errorMessage !== null && !values.quiet) {
    io.err(`${io.style("err", "yellow", "netra:")} ${result.status}: ${result.errorMessage}\n`);
  }
  return result.status === "timeout" ? TIMEOUT_EXIT : failing(result.status, result.exitCode);
}

/** An agent can fail and still exit with 0; a script must see it. */
function failing(status: "completed" | "failed", exitCode: number): number {
  return status === "failed" && exitCode === 0 ? 1 : exitCode;
}
