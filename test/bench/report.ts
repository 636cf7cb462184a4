import { cpus, totalmem } from "node:os";

/** One measured figure. With a floor measured in the same run, the ratio is what can be compared between machines. */
export interface BenchResult {
  name: string;
  value: number;
  unit: string;
  floor: number | null;
  ratio: number | null;
  /** What the figure must reach, in words; null when it is only told. */
  target: string | null;
  ok: boolean | null;
}

export function result(
  name: string,
  value: number,
  unit: string,
  judged: {
    floor?: number;
    target?: string;
    ok?: (figure: { value: number; ratio: number }) => boolean;
  } = {},
): BenchResult {
  const ratio = judged.floor === undefined ? null : value / judged.floor;
  return {
    name,
    value: round(value),
    unit,
    floor: judged.floor === undefined ? null : round(judged.floor),
    ratio: ratio === null ? null : round(ratio),
    target: judged.target ?? null,
    ok: judged.ok?.({ value, ratio: ratio ?? NaN }) ?? null,
  };
}

export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** The one in the middle, the upper of two. */
export function median(values: readonly number[]): number {
  return percentile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}

/** The last line of stdout with --json, for programs that compare runs. */
export function toJson(bench: string, results: readonly BenchResult[]): string {
  const machine = {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memory_gb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
  };
  return JSON.stringify({ bench, machine, results });
}

export function toTable(results: readonly BenchResult[]): string {
  const rows = results.map((one) => [
    one.name,
    `${one.value.toLocaleString("en-US")} ${one.unit}`,
    one.floor === null ? "" : `floor ${one.floor.toLocaleString("en-US")}`,
    one.ratio === null ? "" : `ratio ${one.ratio.toFixed(2)}`,
    one.target ?? "",
    one.ok === null ? "" : one.ok ? "ok" : "MISSED",
  ]);
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function round(value: number): number {
  return Number(value.toPrecision(5));
}
