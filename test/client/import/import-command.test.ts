import { join } from "node:path";
import { Writable } from "node:stream";
import { Client } from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { CommandIo } from "../../../client/command.ts";
import { main } from "../../../client/netra.ts";
import type { Ingest } from "../../helpers/ingest.ts";
import { startIngest } from "../../helpers/ingest.ts";
import { createFolder } from "./temporary-folder.ts";
import { haveTranscripts, TRANSCRIPTS } from "./shared-data.ts";
import { at, formatLines, makePrompt, makeReply, SESSION, writeFiles } from "./transcript-lines.ts";

let ingest: Ingest;
beforeAll(async () => {
  ingest = await startIngest();
});
afterAll(() => ingest.close());

async function runNetra(folder: string, argv: string[], env: Record<string, string> = {}) {
  const written = { out: "", err: "" };
  const sink = new Writable({ write: (_chunk, _encoding, done) => done() });
  const io: CommandIo = {
    env: {
      HOME: folder,
      NETRA_STATE_DIR: join(folder, "state"),
      NETRA_INGEST_URL: ingest.url,
      NETRA_API_KEY: ingest.tenant.key,
      ...env,
    },
    cwd: folder,
    stdout: sink,
    stderr: sink,
    outIsTerminal: false,
    errIsTerminal: false,
    out: (text) => void (written.out += text),
    err: (text) => void (written.err += text),
    style: (_stream, _format, text) => text,
  };
  const code = await main(argv, io);
  return { code, ...written };
}

async function readLedger(organizationId: string) {
  const sql = new Client({ connectionString: ingest.databases.adminDatabaseUrl });
  await sql.connect();
  try {
    const { rows } = await sql.query<{
      executions: number;
      input: string;
      output: string;
      total: string;
      pending: number;
    }>(
      `select count(*)::int as executions, count(*) filter (where status = 'pending')::int as pending,
        coalesce(sum(input_tokens), 0) as input, coalesce(sum(output_tokens), 0) as output,
        coalesce(sum(total_tokens), 0) as total
       from command_executions where organization_id = $1`,
      [organizationId],
    );
    return rows[0];
  } finally {
    await sql.end();
  }
}

it("imports the user's own folder into the ledger, and on a second run adds only what is new", async () => {
  const folder = await createFolder();
  const file = `.claude/projects/-work/${SESSION}.jsonl`;
  const lines = [makePrompt("p1", 0, "go"), makeReply("a1", 2, { message: "m1", output: 5, read: 100 })];
  await writeFiles(folder, { [file]: formatLines(lines) });
  const first = await runNetra(folder, ["import", "--json"]);
  expect(first).toMatchObject({ code: 0, err: "" });
  expect(JSON.parse(first.out)).toMatchObject({ accepted: 1, rejected: [], executions: { completed: 1 } });

  const grown = [...lines, makePrompt("p2", 60, "more"), makeReply("a2", 61, { message: "m2", output: 7 })];
  await writeFiles(folder, { [file]: formatLines(grown) });
  const second = await runNetra(folder, ["import", "--json"]);
  expect(JSON.parse(second.out)).toMatchObject({ accepted: 1, duplicates: 0, skipped: { already_sent: 1 } });
  const again = await runNetra(folder, ["import", "--json", "--again"]);
  expect(JSON.parse(again.out)).toMatchObject({ accepted: 0, duplicates: 2 });
  expect(await readLedger(ingest.tenant.organizationId)).toEqual({
    executions: 2,
    pending: 0,
    input: "2",
    output: "12",
    total: "114",
  });
});

it("says what it did to people, and what it would do in a dry run without any server", async () => {
  const folder = await createFolder();
  await writeFiles(folder, {
    "t/s.jsonl": `nonsense\n${formatLines([makePrompt("d1", 0, "go"), makePrompt("d2", 90, "on")])}`,
  });
  const { code, out } = await runNetra(folder, ["import", "t", "--dry-run", "--since", at(60)], {
    NETRA_INGEST_URL: "",
  });
  expect(code).toBe(0);
  expect(out).toContain("would send: 0 completed, 1 failed, 0 still running, 0 continued");
  expect(out).toContain("before --since: 1");
  expect(out).toContain(`${join(folder, "t/s.jsonl")}:1 not JSON`);
});

it("explains a wrong command line and a server that is away by its exit code", async () => {
  const folder = await createFolder();
  expect(await runNetra(folder, ["import"])).toMatchObject({
    code: 2,
    err: expect.stringContaining("no transcripts"),
  });
  expect(await runNetra(folder, ["import", "nowhere"])).toMatchObject({
    code: 2,
    err: expect.stringContaining("nothing at"),
  });
  expect(await runNetra(folder, ["import", ".", "--since", "soon"])).toMatchObject({ code: 2 });
  expect(await runNetra(folder, ["import", ".", "--sinse", "1"])).toMatchObject({ code: 2 });
  await writeFiles(folder, { "s.jsonl": formatLines([makePrompt("w1", 0, "go")]) });
  const wrongKey = await runNetra(folder, ["import", "."], { NETRA_API_KEY: "ntr_wrong" });
  expect(wrongKey).toMatchObject({
    code: 1,
    err: expect.stringContaining("the same command sends the rest"),
  });
});

it("says what to set when there is no folder for what it has to remember", async () => {
  const folder = await createFolder();
  await writeFiles(folder, { "s.jsonl": formatLines([makePrompt("r1", 0, "go")]), state: "in the way" });
  const { code, err } = await runNetra(folder, ["import", "s.jsonl"]);
  expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining("set NETRA_STATE_DIR") });
});

it.skipIf(!haveTranscripts)(
  "brings real transcripts into the ledger whole, and nothing the second time",
  async () => {
    const folder = await createFolder();
    const key = ingest.tenant.key;
    const before = await readLedger(ingest.tenant.organizationId);
    const first = await runNetra(folder, ["import", TRANSCRIPTS, "--json"], { NETRA_API_KEY: key });
    const report = JSON.parse(first.out);
    expect(first.code).toBe(0);
    expect(report).toMatchObject({ rejected: [], duplicates: 0, malformed: { lines: 11 } });
    expect(report.requests).toBe(729);
    const after = await readLedger(ingest.tenant.organizationId);
    const { usage } = report.sent;
    expect(Number(after?.input) - Number(before?.input)).toBe(usage.input_tokens);
    expect(Number(after?.output) - Number(before?.output)).toBe(usage.output_tokens);
    const total = Object.values<number>(usage).reduce((sum, count) => sum + count, 0);
    expect(Number(after?.total) - Number(before?.total)).toBe(total);
    const second = await runNetra(await createFolder(), ["import", TRANSCRIPTS, "--json"], {
      NETRA_API_KEY: key,
    });
    expect(JSON.parse(second.out)).toMatchObject({ accepted: 0, duplicates: report.accepted });
    expect(await readLedger(ingest.tenant.organizationId)).toEqual(after);
  },
);
