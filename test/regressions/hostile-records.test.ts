import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { maskSecrets } from "../../shared/agent/mask-secrets.ts";
import { type Ingest, postBytes, startIngest } from "../helpers/ingest.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import { listLedger } from "../helpers/stored.ts";
import { asOwner } from "../helpers/tenant.ts";

/** What this file guards: one record, however it is made, costs neither the process nor the others of its body. */
async function start(): Promise<Ingest> {
  const ingest = await startIngest();
  onTestFinished(() => ingest.close());
  return ingest;
}

const ANSWER_CHARS_MAX = 4_000_000;
const NUL = String.raw`"\u0000"`;

/** The JSON of an execution with this JSON as its output. */
function withOutput(output: string): string {
  return JSON.stringify(makeExecution({ output: {} })).replace('"output":{}', `"output":${output}`);
}

function postLines(ingest: Ingest, lines: readonly string[]) {
  return postBytes(ingest.url, ingest.tenant.key, gzipSync(lines.join("\n")), {
    "content-type": "application/x-ndjson",
    "content-encoding": "gzip",
  });
}

function deep(open: string, close: string): string {
  return withOutput(`{"text":${NUL},"deep":${open.repeat(20_000)}${NUL}${close.repeat(20_000)}}`);
}

/** Text of this length that is longer once its secrets are masked. */
function secrets(length: number): string {
  return "PASSWORD=x ".repeat(100).slice(0, length);
}

describe("nesting twenty thousand levels deep, with texts to clean,", () => {
  it.each([
    ["arrays", deep("[", "]")],
    ["objects", deep('{"a":', "}")],
  ])("is refused when it is made of %s, and the process goes on", async (_what, body) => {
    const ingest = await start();
    const headers = { "content-type": "application/json" };
    const [refused, other] = await Promise.all([
      postBytes(ingest.url, ingest.tenant.key, body, headers),
      ingest.post(makeExecution()),
    ]);
    expect([refused.status, other.status]).toEqual([400, 200]);
    expect(refused.body.rejected).toHaveLength(1);
    expect((await ingest.post(makeExecution())).status).toBe(200);
  });

  it("is rejected alone in a batch of many", async () => {
    const ingest = await start();
    const lines = Array.from({ length: 20 }, () => deep("[", "]"));
    lines.splice(10, 0, JSON.stringify(makeExecution()));
    const { status, body } = await postLines(ingest, lines);
    expect([status, body.accepted, body.rejected.length]).toEqual([200, 1, 20]);
  });
});

describe("an answer stays small", () => {
  it("with at most twenty warnings for a record of thousands of texts to clean", async () => {
    const ingest = await start();
    const { status, body } = await postLines(ingest, [
      withOutput(`{"a":[${`${NUL},`.repeat(2_999)}${NUL}]}`),
    ]);
    expect([status, body.accepted]).toEqual([200, 1]);
    expect(body.warnings.length).toBeGreaterThan(0);
    expect(body.warnings.length).toBeLessThanOrEqual(20);
  });

  it("with at most a thousand warnings, and how many were left out, for five thousand such records", async () => {
    const ingest = await start();
    const lines = Array.from({ length: 5_000 }, () => withOutput(`{"a":[${`${NUL},`.repeat(99)}${NUL}]}`));
    const { status, body } = await postLines(ingest, lines);
    expect([status, body.accepted]).toEqual([200, 5_000]);
    expect(body.warnings.length).toBeGreaterThan(0);
    expect(body.warnings.length).toBeLessThanOrEqual(1_000);
    // Every record has something to warn of, so at least this much was left out.
    expect(body["warnings_omitted"]).toBeGreaterThanOrEqual(4_000);
    expect(JSON.stringify(body).length).toBeLessThan(ANSWER_CHARS_MAX);
  });

  it("with one fault for each record once a thousand faults are listed", async () => {
    const ingest = await start();
    const faulty = `{${Array.from({ length: 30 }, (_, index) => `"unknown_${index}":1`).join(",")}}`;
    const { status, body } = await postLines(
      ingest,
      Array.from({ length: 5_000 }, () => faulty),
    );
    expect(status).toBe(400);
    expect(body.rejected.map((rejection) => rejection.index)).toEqual(
      Array.from({ length: 5_000 }, (_, index) => index),
    );
    const faults = body.rejected.map((rejection) => rejection.errors.length);
    expect(faults.filter((count) => count === 0)).toEqual([]);
    expect(new Set(faults.slice(1_000))).toEqual(new Set([1]));
    expect(faults.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(1_020 + 5_000);
    expect(JSON.stringify(body).length).toBeLessThan(ANSWER_CHARS_MAX);
  });
});

describe("names of members", () => {
  it.each([
    ["200 characters", 200],
    ["nine million characters", 9_000_000],
  ])("of %s in workspace are rejected, and the other records are stored", async (_what, length) => {
    const ingest = await start();
    const bad = makeExecution({ workspace: { ["k".repeat(length)]: 1 } });
    const good = [makeExecution(), makeExecution()];
    const { status, body } = await ingest.post({ executions: [good[0], bad, good[1]] });
    expect(status).toBe(200);
    expect(body).toMatchObject({ accepted: 2, rejected: [{ index: 1, id: bad.id }] });
    expect(body.rejected[0]?.errors[0]?.pointer).toMatch(/^\/workspace/);
    expect(JSON.stringify(body).length).toBeLessThan(10_000);
    const ids = (await listLedger(ingest.databases.adminDatabaseUrl)).map((row) => row.id);
    expect(ids.toSorted()).toEqual(good.map((execution) => execution.id).toSorted());
  });
});

describe("texts that masking makes longer than their column", () => {
  it("are cut and stored", async () => {
    const ingest = await start();
    expect(maskSecrets(secrets(200)).length).toBeGreaterThan(200);
    expect(maskSecrets(secrets(100)).length).toBeGreaterThan(100);
    const execution = makeExecution({
      model: secrets(100),
      session: { session_id: secrets(200), agent: secrets(100) },
    });
    const { status, body } = await ingest.post(execution);
    expect([status, body.accepted, body.rejected]).toEqual([200, 1, []]);
    const stored = await asOwner(ingest.databases.adminDatabaseUrl, async (sql) => {
      const text = "select session_id, model_version from command_executions where id = $1";
      return (await sql.query<{ session_id: string; model_version: string }>(text, [execution.id])).rows;
    });
    expect(stored).toHaveLength(1);
    expect(stored[0]?.session_id).toHaveLength(200);
    expect(stored[0]?.model_version).toHaveLength(100);
    expect(JSON.stringify(stored)).not.toContain("PASSWORD=x ");
  });
});
