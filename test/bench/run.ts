import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { benchAnalytics } from "./analytics.ts";
import { benchColdStart } from "./cold-start.ts";
import { benchFindings } from "./findings.ts";
import { benchIngest } from "./ingest.ts";
import { benchPrediction } from "./prediction.ts";
import { benchPredictionServing } from "./prediction-serving.ts";
import { benchPatterns } from "./patterns.ts";
import { benchRetention } from "./retention.ts";
import { benchShipped } from "./shipped.ts";
import { benchSoak } from "./soak.ts";
import { benchWebhooks } from "./webhooks.ts";
import { type BenchResult, toJson, toTable } from "./report.ts";

/**
 * `npm run bench -- NAME [--json] [--file PATH] [--minutes N]`: runs one benchmark; progress and the table go to stderr, the
 * JSON line to stdout. The file is for benchmarks over data, the minutes are for those that go on as long as they are told.
 */
interface BenchOptions {
  file?: string;
  minutes?: number;
}

const BENCHES: Readonly<
  Record<string, (progress: (line: string) => void, options: BenchOptions) => Promise<BenchResult[]>>
> = {
  analytics: benchAnalytics,
  "cold-start": benchColdStart,
  findings: benchFindings,
  ingest: benchIngest,
  prediction: (progress, { file }) => benchPrediction(progress, file),
  "prediction-serving": benchPredictionServing,
  patterns: benchPatterns,
  retention: benchRetention,
  shipped: benchShipped,
  soak: benchSoak,
  webhooks: benchWebhooks,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    file: { type: "string" },
    minutes: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});
const [name = ""] = positionals;
const bench = BENCHES[name];
if (values.help || bench === undefined) {
  process.stderr.write(
    `usage: npm run bench -- NAME [--json] [--file PATH] [--minutes N]\nnames: ${Object.keys(BENCHES).join(", ")}\n`,
  );
  process.exit(values.help ? 0 : 2);
}
if (values.file !== undefined && !existsSync(values.file)) {
  process.stderr.write(`there is no file ${values.file}\n`);
  process.exit(2);
}
const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
if (minutes !== undefined && !(minutes > 0)) {
  process.stderr.write("--minutes takes a number above 0\n");
  process.exit(2);
}
const results = await bench((line) => process.stderr.write(`${line}\n`), {
  ...(values.file === undefined ? {} : { file: values.file }),
  ...(minutes === undefined ? {} : { minutes }),
});
process.stderr.write(`${toTable(results)}\n`);
if (values.json) process.stdout.write(`${toJson(name, results)}\n`);
process.exitCode = results.some((result) => result.ok === false) ? 1 : 0;
