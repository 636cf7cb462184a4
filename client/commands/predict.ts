import type { Command, CommandIo } from "../command.ts";
import { CONNECTION_OPTIONS, CONNECTION_USAGE, parseOptions } from "../command.ts";
import { getConnection } from "../connection.ts";
import { EXIT, UsageError } from "../exit-codes.ts";
import { formatBatch, formatSingle } from "../predict/format-prediction.ts";
import { type BatchPrediction, getPrediction, type SinglePrediction } from "../predict/prediction.ts";
import { type BatchItem, readCommands } from "../predict/read-commands.ts";
import { sendableCommand } from "../sendable-text.ts";
import { SummaryError } from "../summary.ts";
import { readWorkspace } from "../workspace.ts";

export const predictCommand: Command = {
  name: "predict",
  summary: "Say what a command will use and cost before it runs, and hold it to a budget.",
  usage: `Usage: netra predict [options] PROMPT
       netra predict [options] --file FILE

Tells p10, p50 and p90 of cost, time, tokens and failure from what was run before, what that rests on, and how often such
intervals held. The command is masked of secrets before it leaves the machine; it is neither run nor kept.

  --model NAME       the model it will run with; without it, what this organization usually pays
  --repository NAME  owner/name (that of the folder's git remote, or of the CI job)
  --file FILE        several commands, - for stdin: one on each line, or a JSON array of texts or
                     {"command", "model", "workspace"}; at most 100
  --max-usd DOLLARS  the budget, of all commands together
  --gate QUANTILE    what is held against it: p50 or p90 (p90)
  --json             print what the server answered as JSON

${CONNECTION_USAGE}

Exit codes: 0 done · 1 the server refused a command or is away · 2 wrong command line
            3 over the budget, or the cost cannot be told (of netra predict alone)`,
  run: runPredict,
};

const USD = /^\d{1,7}(?:\.\d{1,12})?$/;

async function runPredict(argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(argv, {
    ...CONNECTION_OPTIONS,
    model: { type: "string" },
    repository: { type: "string" },
    file: { type: "string" },
    "max-usd": { type: "string" },
    gate: { type: "string" },
    json: { type: "boolean", default: false },
  });
  const { model, file, "max-usd": maxUsd } = values;
  const command = positionals.join(" ").trim();
  if (file === undefined && command === "") throw new UsageError("there is no command to predict");
  if (file !== undefined && command !== "") throw new UsageError("give a command or --file, not both");
  if (maxUsd !== undefined && !USD.test(maxUsd))
    throw new UsageError(`--max-usd must be dollars such as 2.50, not "${maxUsd}"`);
  const gate = gateOf(values.gate, maxUsd);
  const connection = getConnection({ env: io.env, cwd: io.cwd, flags: values }, "insights");

  const commands = file === undefined ? null : await readCommands(file, io);
  const repository = values.repository ?? (await readWorkspace(io.cwd, io.env)).repository;
  const shared = {
    ...(model === undefined ? {} : { model }),
    ...(repository === undefined ? {} : { workspace: { repository } }),
    ...(maxUsd === undefined ? {} : { max_usd: maxUsd }),
  };
  try {
    const { answer, body } = await getPrediction(
      connection,
      commands === null ? { command: sendableCommand(command), ...shared } : { commands, ...shared },
    );
    io.out(values.json ? `${JSON.stringify(body)}\n` : format(answer, commands ?? []));
    return exitOf(answer, gate, io);
  } catch (error) {
    if (!(error instanceof SummaryError)) throw error;
    io.err(`${io.style("err", "red", "netra:")} ${error.message}\n`);
    return EXIT.failure;
  }
}

type Gate = "p50" | "p90";

function gateOf(text: string | undefined, maxUsd: string | undefined): Gate {
  if (text === undefined) return "p90";
  if (text !== "p50" && text !== "p90") throw new UsageError(`--gate must be p50 or p90, not "${text}"`);
  if (maxUsd === undefined) throw new UsageError("--gate needs --max-usd");
  return text;
}

type Answer = SinglePrediction | BatchPrediction;

function isBatch(answer: Answer): answer is BatchPrediction {
  return "predictions" in answer;
}

function format(answer: Answer, commands: readonly BatchItem[]): string {
  return isBatch(answer)
    ? formatBatch(
        answer,
        commands.map(({ command }) => String(command)),
      )
    : formatSingle(answer);
}

/** A gate that cannot tell is closed. */
function exitOf(answer: Answer, gate: Gate, io: CommandIo): number {
  const { budget } = answer;
  if (budget !== null) {
    const exceeds = budget[`${gate}_exceeds`];
    if (exceeds !== false) {
      const why = exceeds === null ? "the cost cannot be told" : `${gate} of the cost is above it`;
      io.err(`${io.style("err", "red", "netra:")} over the budget of $${budget.max_usd}: ${why}\n`);
      return EXIT.overBudget;
    }
    io.err(`within the budget of $${budget.max_usd} (${gate})\n`);
  }
  return isBatch(answer) && answer.rejected > 0 ? EXIT.failure : EXIT.ok;
}
