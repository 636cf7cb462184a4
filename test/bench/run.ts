import { parseArgs } from "node:util";
import { benchIngest } from "./ingest.ts";
import { benchWebhooks } from "./webhooks.ts";
import { type BenchResult, toJson, toTable } from "./report.ts";

/** `npm run bench -- NAME [--json]`: runs one benchmark; progress and the table go to stderr, the JSON line to stdout. */
const BENCHES: Readonly<Record<string, (progress: (line: string) => void) => Promise<BenchResult[]>>> = {
  ingest: benchIngest,
  webhooks: benchWebhooks,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const [name = ""] = positionals;
const bench = BENCHES[name];
if (values.help || bench === undefined) {
  process.stderr.write(`usage: npm run bench -- NAME [--json]\nnames: ${Object.keys(BENCHES).join(", ")}\n`);
  process.exit(values.help ? 0 : 2);
}
const results = await bench((line) => process.stderr.write(`${line}\n`));
process.stderr.write(`${toTable(results)}\n`);
if (values.json) process.stdout.write(`${toJson(name, results)}\n`);
process.exitCode = results.some((result) => result.ok === false) ? 1 : 0;
