import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { benchIngest } from "./ingest.ts";
import { benchPrediction } from "./prediction.ts";
import { benchPatterns } from "./patterns.ts";
import { benchWebhooks } from "./webhooks.ts";
import { type BenchResult, toJson, toTable } from "./report.ts";

/**
 * `npm run bench -- NAME [--json] [--file PATH]`: runs one benchmark; progress and the table go to stderr, the JSON line to
 * stdout. The file is for benchmarks over data.
 */
const BENCHES: Readonly<
  Record<string, (progress: (line: string) => void, file?: string) => Promise<BenchResult[]>>
> = {
  ingest: benchIngest,
  prediction: benchPrediction,
  patterns: benchPatterns,
  webhooks: benchWebhooks,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    file: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});
const [name = ""] = positionals;
const bench = BENCHES[name];
if (values.help || bench === undefined) {
  process.stderr.write(
    `usage: npm run bench -- NAME [--json] [--file PATH]\nnames: ${Object.keys(BENCHES).join(", ")}\n`,
  );
  process.exit(values.help ? 0 : 2);
}
if (values.file !== undefined && !existsSync(values.file)) {
  process.stderr.write(`there is no file ${values.file}\n`);
  process.exit(2);
}
const results = await bench((line) => process.stderr.write(`${line}\n`), values.file);
process.stderr.write(`${toTable(results)}\n`);
if (values.json) process.stdout.write(`${toJson(name, results)}\n`);
process.exitCode = results.some((result) => result.ok === false) ? 1 : 0;
