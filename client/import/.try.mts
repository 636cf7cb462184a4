import { findTranscripts } from "/work/main/client/import/find-transcripts.ts";
import { readTranscripts } from "/work/main/client/import/read-transcripts.ts";
import { planExecutions } from "/work/main/client/import/plan-executions.ts";
import { createImportState } from "/work/main/client/import/import-state.ts";
const found = await findTranscripts(process.argv.slice(2));
const { model, report } = await readTranscripts(found.files);
const plan = planExecutions(model, { nowMs: Date.now(), sinceMs: null, state: createImportState() });
const t: Record<string, number> = {};
let n = 0;
for await (const one of plan.executions)
  for (const r of one.records) {
    n++;
    const u = { i: 0, o: 0, c: 0 };
    for (const q of r.requests ?? []) {
      for (const [k, v] of Object.entries(q.usage)) t[k] = (t[k] ?? 0) + (v as number);
      u.i += q.usage.input_tokens;
      u.o += q.usage.output_tokens;
    }
    console.log(
      r.id.slice(0, 8),
      r.timestamp,
      r.status,
      r.error_message ?? "",
      `req=${r.requests?.length} tools=${r.tool_calls} ms=${r.execution_time_ms}`,
      JSON.stringify(r.command.slice(0, 70)),
      JSON.stringify(r.output),
      JSON.stringify(r.session).slice(0, 0),
    );
  }
console.log(
  n,
  plan.requests,
  t,
  report.badLines,
  report.unfinishedLines,
  [...report.unknownTypes],
  report.unreadable,
);
