import { formatCost, formatCount, formatTime } from "../format-summary.ts";
import { plainText } from "../plain-text.ts";
import { type Column, formatTable } from "../table.ts";
import type { BatchPrediction, PredictionFigure, SinglePrediction } from "./prediction.ts";

const right = (title: string): Column => ({ title, align: "right" });
const left = (title: string): Column => ({ title, align: "left" });

const QUANTILES = [right("p10"), right("p50"), right("p90")];

/** What one command is expected to take, a row for each figure, with what that rests on. */
export function formatSingle(answer: SinglePrediction): string {
  const row = (title: string, figure: PredictionFigure, format: (value: number) => string): string[] => [
    title,
    format(figure.p10),
    format(figure.p50),
    format(figure.p90),
    ...basisOf(figure),
  ];
  const { cost_usd: cost, failure_probability: failure } = answer;
  const table = formatTable(
    [left(""), ...QUANTILES, left("evidence"), right("runs"), left("held so far")],
    [
      cost === null
        ? ["cost", "–", "–", "–", "", "", ""]
        : ["cost", formatCost(cost.p10), formatCost(cost.p50), formatCost(cost.p90), ...basisOf(cost)],
      row("time", answer.execution_time_ms, formatTime),
      row("tokens", answer.total_tokens, formatCount),
      row("  input", answer.input_tokens, formatCount),
      row("  cache read", answer.cache_read_tokens, formatCount),
      row("  cache write", answer.cache_write_tokens, formatCount),
      row("  output", answer.output_tokens, formatCount),
      [
        "fails",
        formatShare(failure.p10),
        formatShare(failure.p50),
        formatShare(failure.p90),
        failure.level,
        formatCount(failure.sample_size),
        "",
      ],
    ],
  );
  const notes = answer.cost_unknown === null ? "" : `  no cost: ${plainText(answer.cost_unknown)}\n`;
  return `${headingOf(answer)}\n${table}${notes}${learnedNote(answer.learned)}`;
}

/** A row for each command, and what they come to together. */
export function formatBatch(answer: BatchPrediction, commands: readonly string[]): string {
  const rows = answer.predictions.map((one) => {
    const name = commands[one.index] ?? `command ${one.index}`;
    if (!("cost_usd" in one)) return [name, "–", "–", "–", "–", "–", "refused"];
    const { cost_usd: cost, total_tokens, execution_time_ms } = one;
    return [
      name,
      formatCost(cost?.p10 ?? null),
      formatCost(cost?.p50 ?? null),
      formatCost(cost?.p90 ?? null),
      formatTime(execution_time_ms.p50),
      formatCount(total_tokens.p50),
      cost?.level ?? "",
    ];
  });
  const total = answer.total_cost_usd;
  const sum = [
    "all",
    formatCost(total?.p10 ?? null),
    formatCost(total?.p50 ?? null),
    formatCost(total?.p90 ?? null),
  ];
  const table = formatTable(
    [
      left("command"),
      ...QUANTILES.map(({ title }) => right(`cost ${title}`)),
      right("time p50"),
      right("tokens p50"),
      left("evidence"),
    ],
    [...rows, [...sum, "", "", ""]],
  );
  return (
    table +
    notesOf(answer)
      .map((note) => `  ${plainText(note)}\n`)
      .join("") +
    learnedNote(answer.learned)
  );
}

function notesOf({ predictions, total_unknown }: BatchPrediction): string[] {
  const notes = predictions.flatMap((one) => {
    if ("cost_unknown" in one)
      return one.cost_unknown === null ? [] : [`command ${one.index}: no cost: ${one.cost_unknown}`];
    return one.errors.map(({ pointer, detail }) => `${pointer} ${detail}`);
  });
  return total_unknown === null ? notes : [...notes, `no total: ${total_unknown}`];
}

function headingOf({ command, model, price_version }: SinglePrediction): string {
  const priced = model === null ? "at what this organization usually pays" : `with ${model}`;
  return plainText(`${command.signature}, ${priced} (prices of ${price_version})`);
}

function basisOf({
  level,
  sample_size,
  calibration,
}: Pick<PredictionFigure, "level" | "sample_size" | "calibration">): string[] {
  const held =
    calibration === null ? "–" : `${formatShare(calibration.coverage)} of ${formatCount(calibration.tried)}`;
  return [level, formatCount(sample_size), held];
}

function formatShare(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

function learnedNote(learned: SinglePrediction["learned"]): string {
  return learned === null
    ? "  nothing has been learned here yet: this is what other organizations' sessions are like\n"
    : `  learned from ${formatCount(learned.executions)} runs until ${plainText(learned.until)}\n`;
}
