import { gzipSync } from "node:zlib";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Ingest, postBytes, postJson, postNdjson, startIngest } from "../helpers/ingest.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import { asOwner } from "../helpers/tenant.ts";

/** What this file guards: each record of a body stands or falls alone, and what is acknowledged is in the ledger once. */
let ingest: Ingest;
beforeAll(async () => {
  ingest = await startIngest();
});
afterAll(() => ingest.close());

type Row = Record<string, unknown>;

async function rowsOf(id: string): Promise<Row[]> {
  const text = "select * from command_executions where id = $1";
  return asOwner(ingest.databases.adminDatabaseUrl, async (sql) => (await sql.query<Row>(text, [id])).rows);
}

async function rowOf(id: string): Promise<Row> {
  const rows = await rowsOf(id);
  expect(rows).toHaveLength(1);
  return rows[0] ?? {};
}

describe("storing", () => {
  it("stores one execution with everything that is derived from it", async () => {
    const execution = makeExecution();
    const { status, body } = await ingest.post(execution);
    expect(status).toBe(200);
    expect(body).toEqual({ accepted: 1, duplicates: 0, updated: 0, rejected: [], warnings: [] });
    expect(await rowOf(execution.id)).toMatchObject({
      organization_id: ingest.tenant.organizationId,
      user_id: ingest.tenant.userId,
      command_base: "/review",
      total_tokens: "96000",
      cached_tokens: "90000",
      fresh_tokens: "6000",
      cache_hit_rate: 93.75,
      // 1200 × 3 + 800 × 15 + 90000 × 0.3 + 4000 × 3.75, each dollars for a million tokens
      cost_usd: "0.057600000000",
      fresh_cost_usd: "0.030600000000",
      cost_basis: "computed",
      session_id: "s-1",
    });
  });

  it("takes a list, NDJSON and gzip alike", async () => {
    const [a, b, c] = [makeExecution(), makeExecution(), makeExecution()];
    expect((await ingest.post({ executions: [a, b] })).body).toMatchObject({ accepted: 2 });
    expect((await postNdjson(ingest.url, ingest.tenant.key, [a, b, c])).body).toMatchObject({
      accepted: 1,
      duplicates: 2,
    });
  });

  it("counts an execution sent twice as a duplicate and stores it once", async () => {
    const execution = makeExecution();
    await ingest.post(execution);
    expect((await ingest.post(execution)).body).toMatchObject({ accepted: 0, duplicates: 1, rejected: [] });
    await rowOf(execution.id);
  });

  it("counts a retry with another timestamp as a duplicate, also one of another month", async () => {
    const execution = makeExecution({ timestamp: "2026-03-31T23:59:59.999Z" });
    await ingest.post(execution);
    const retry = await ingest.post({ ...execution, timestamp: "2026-04-01T00:00:00Z" });
    expect(retry.body).toMatchObject({ accepted: 0, duplicates: 1 });
    await rowOf(execution.id);
  });

  it("counts a very late repeat, whose key has been pruned, as a duplicate, and stores what comes with it", async () => {
    const [late, fresh] = [makeExecution(), makeExecution()];
    await ingest.post(late);
    await asOwner(ingest.databases.adminDatabaseUrl, (sql) =>
      sql.query("delete from ingest_keys where id = $1", [late.id]),
    );
    expect((await ingest.post({ executions: [late, fresh] })).body).toMatchObject({
      accepted: 1,
      duplicates: 1,
    });
    await rowOf(late.id);
  });

  it("stores an id that stands in one body twice once", async () => {
    const execution = makeExecution();
    const { body } = await ingest.post({ executions: [execution, execution, execution] });
    expect(body).toMatchObject({ accepted: 1, duplicates: 2 });
    await rowOf(execution.id);
  });

  it("keeps the same id of two organizations apart", async () => {
    const { createTenant } = await import("../helpers/tenant.ts");
    const other = await createTenant(ingest.databases.adminDatabaseUrl);
    const execution = makeExecution();
    await ingest.post(execution);
    const { body } = await postJson(ingest.url, other.key, execution);
    expect(body).toMatchObject({ accepted: 1 });
    expect(await rowsOf(execution.id)).toHaveLength(2);
  });

  it("makes the month of an old execution by itself", async () => {
    const execution = makeExecution({ timestamp: "2021-02-28T23:59:59+00:00" });
    expect((await ingest.post(execution)).body).toMatchObject({ accepted: 1 });
    expect((await rowOf(execution.id))["timestamp"]).toEqual(new Date("2021-02-28T23:59:59Z"));
  });
});

describe("status", () => {
  it("completes a pending execution once and never changes a terminal one", async () => {
    const id = uuidv7();
    const pending = makeExecution({ id, status: "pending", usage: null, model: null });
    const done = makeExecution({ id, status: "completed" });
    expect((await ingest.post(pending)).body).toMatchObject({ accepted: 1 });
    expect(await rowOf(id)).toMatchObject({
      status: "pending",
      total_tokens: null,
      cost_usd: null,
      cost_basis: null,
    });
    expect((await ingest.post(done)).body).toMatchObject({ updated: 1, accepted: 0, duplicates: 0 });
    expect(await rowOf(id)).toMatchObject({ status: "completed", total_tokens: "96000" });
    expect((await ingest.post({ ...done, status: "failed" })).body).toMatchObject({
      updated: 0,
      duplicates: 1,
    });
    expect((await ingest.post(pending)).body).toMatchObject({ duplicates: 1 });
    expect(await rowOf(id)).toMatchObject({ status: "completed" });
  });

  it("completes an execution whose pending and terminal records come in one body", async () => {
    const id = uuidv7();
    const { body } = await ingest.post({
      executions: [makeExecution({ id, status: "pending" }), makeExecution({ id, status: "timeout" })],
    });
    expect(body).toMatchObject({ accepted: 1, updated: 1 });
    expect(await rowOf(id)).toMatchObject({ status: "timeout" });
  });

  it("completes every pending execution however its records race", async () => {
    const ids = Array.from({ length: 40 }, () => uuidv7());
    const send = (status: "pending" | "completed") =>
      ids.map((id) => ingest.post(makeExecution({ id, status })));
    await Promise.all([...send("pending"), ...send("completed")]);
    for (const id of ids) expect(await rowOf(id)).toMatchObject({ status: "completed" });
  });
});

describe("tokens and cost", () => {
  it("adds up requests, prices each by its own size and says that a contradicting total was replaced", async () => {
    const timestamp = "2026-11-01T10:00:00Z";
    const usage = {
      input_tokens: 90_000,
      output_tokens: 100,
      cache_read_tokens: 0,
      cache_write_5m_tokens: 0,
      cache_write_1h_tokens: 0,
    };
    const execution = makeExecution({
      timestamp,
      model: null,
      usage: { ...usage, input_tokens: 1 },
      requests: [
        { id: "req-1", model: "claude-haiku-5-5", timestamp, usage },
        { id: "req-2", model: "claude-haiku-5-5", timestamp, usage },
      ],
    });
    const { body } = await ingest.post(execution);
    expect(body.warnings).toMatchObject([{ index: 0, id: execution.id, pointer: "/usage" }]);
    // Both are under the 100,000 tokens from which the model costs five times as much; their sum is not.
    expect(await rowOf(execution.id)).toMatchObject({
      total_tokens: "180200",
      cost_usd: "0.018100000000",
      model_version: "claude-haiku-5-5",
      cost_basis: "computed",
    });
  });

  it("does not guess the price of a sum that a tier may or may not apply to", async () => {
    const execution = makeExecution({
      model: "claude-haiku-5-5",
      usage: { input_tokens: 150_000, output_tokens: 10 },
    });
    const { body } = await ingest.post(execution);
    expect(body.warnings).toMatchObject([{ pointer: "/usage" }]);
    expect(await rowOf(execution.id)).toMatchObject({ cost_usd: null, cost_basis: "unpriced" });
  });

  it("leaves the cost of an unknown model null, even when the agent reports one", async () => {
    const execution = makeExecution({ model: "claude-unheard-of-9", reported_cost_usd: 1.25 });
    await ingest.post(execution);
    expect(await rowOf(execution.id)).toMatchObject({
      cost_usd: null,
      reported_cost_usd: "1.250000000000",
      cost_basis: "unpriced",
    });
  });

  it("takes the reported cost where there are no tokens to price", async () => {
    const execution = makeExecution({ model: null, usage: null, reported_cost_usd: 0.1 });
    await ingest.post(execution);
    expect(await rowOf(execution.id)).toMatchObject({
      total_tokens: null,
      cost_usd: "0.100000000000",
      cost_basis: "reported",
    });
  });
});

describe("texts", () => {
  it("masks secrets in every text before it is stored, and logs none", async () => {
    const secret = `sk-ant-api03-${"Ab1".repeat(20)}`;
    const execution = makeExecution({
      command: `deploy with ${secret}`,
      error_message: `refused: ${secret}`,
      workspace: { repository: "acme/shop", note: secret },
      session: { session_id: "s", token_used: secret },
      output: { nested: { deep: [secret] } },
    });
    expect((await ingest.post(execution)).body).toMatchObject({ accepted: 1 });
    expect(JSON.stringify(await rowOf(execution.id))).not.toContain(secret);
    expect(ingest.logLines.join("")).not.toContain(secret);
  });

  it("cleans text PostgreSQL cannot hold and says so", async () => {
    const execution = makeExecution();
    const body = JSON.stringify(execution)
      .replace("/review src", String.raw`/review\u0000 \ud83d src`)
      .replace("acme/shop", String.raw`acme\udc00shop`);
    const answer = await postBytes(ingest.url, ingest.tenant.key, body, {
      "content-type": "application/json",
    });
    expect(answer.body).toMatchObject({ accepted: 1 });
    expect(answer.body.warnings.map((warning) => warning.pointer).toSorted()).toEqual([
      "/command",
      "/workspace/repository",
    ]);
    expect(await rowOf(execution.id)).toMatchObject({
      workspace_context: { repository: "acme\u{fffd}shop" },
    });
  });

  it("stores hostile text as the text it is", async () => {
    const hostile = `'; drop table command_executions; -- %s %n %x $1 \${1} {{7*7}} \\' " \u202e \u{1f4a9}`;
    const execution = makeExecution({
      command: hostile,
      error_message: hostile,
      model: hostile.slice(0, 100),
      workspace: { repository: hostile, branch: hostile, [hostile]: hostile },
      session: { session_id: hostile, agent: hostile.slice(0, 100) },
      output: { [hostile]: hostile },
    });
    expect((await ingest.post(execution)).body).toMatchObject({ accepted: 1 });
    expect(await rowOf(execution.id)).toMatchObject({
      command_raw: hostile,
      error_message: hostile,
      session_id: hostile,
      workspace_context: { repository: hostile, [hostile]: hostile },
    });
  });
});

describe("refusing", () => {
  it("names each fault of a wrong record by pointer and takes the good ones beside it", async () => {
    const good = makeExecution();
    const { status, body } = await ingest.post({
      executions: [
        { ...makeExecution(), id: "not-a-uuid" },
        good,
        { ...makeExecution(), comand: "typo", usage: { input_tokens: -1, output_tokens: 1.5 } },
        "not an object",
        null,
        makeExecution({ timestamp: new Date(Date.now() + 3_600_000).toISOString() }),
        makeExecution({ timestamp: "1999-12-31T00:00:00Z" }),
        makeExecution({ command: "é".repeat(40_000) }),
        makeExecution({ output: { usage: 1 } }),
      ],
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ accepted: 1, duplicates: 0, updated: 0 });
    const pointers = body.rejected.map((one) => [
      one.index,
      ...one.errors.map((error) => error.pointer).toSorted(),
    ]);
    expect(pointers).toEqual([
      [0, "/id"],
      [2, "/comand", "/usage/input_tokens", "/usage/output_tokens"],
      [3, ""],
      [4, ""],
      [5, "/timestamp"],
      [6, "/timestamp"],
      [7, "/command"],
      [8, "/output/usage"],
    ]);
    await rowOf(good.id);
  });

  it("answers 400 when nothing was good, with the reasons", async () => {
    const { status, body, headers } = await ingest.post({ executions: [{ id: 7 }] });
    expect(status).toBe(400);
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(body).toMatchObject({ status: 400, type: "urn:netra:problem:bad-request", accepted: 0 });
    expect(body.rejected).toHaveLength(1);
  });

  const valid = JSON.stringify(makeExecution());
  const json = { "content-type": "application/json" };
  const ndjson = { "content-type": "application/x-ndjson" };
  const gzip = { "content-encoding": "gzip" };
  const cases: [string, number, string | Uint8Array<ArrayBuffer> | null, Record<string, string>][] = [
    ["an empty body", 400, null, json],
    ["truncated JSON", 400, valid.slice(0, 100), json],
    ["a string", 400, '"text"', json],
    ["a number", 400, "1", json],
    ["an array", 400, `[${valid}]`, json],
    ["null", 400, "null", json],
    ["no executions in the list", 400, '{"executions":[]}', json],
    ["a list that is none", 400, '{"executions":{"0":1}}', json],
    ["another field beside the list", 400, `{"executions":[${valid}],"extra":1}`, json],
    ["deep nesting", 400, "[".repeat(200_000) + "]".repeat(200_000), json],
    ["deep nesting inside a record", 400, `{"output":${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}}`, json],
    ["invalid UTF-8", 400, new Uint8Array([0x22, 0xff, 0xfe, 0x22]), json],
    ["only blank lines", 400, "\n \n\r\n", ndjson],
    ["a body that is not gzip", 400, valid, { ...json, ...gzip }],
    ["no content type", 415, new TextEncoder().encode(valid), {}],
    ["another content type", 415, valid, { "content-type": "text/plain" }],
    ["another encoding", 415, valid, { ...json, "content-encoding": "br" }],
    ["10 MB and a byte", 413, " ".repeat(10 * 1024 * 1024 + 1), json],
    ["a gzip bomb", 413, gzipSync(Buffer.alloc(200 * 1024 * 1024)), { ...json, ...gzip }],
    ["5,001 records", 413, "{}\n".repeat(5_001), ndjson],
    ["5,001 executions", 413, `{"executions":[${"{},".repeat(5_000)}{}]}`, json],
  ];
  it.each(cases)("answers %s with %i and a problem document", async (_what, expected, body, headers) => {
    const answer = await postBytes(ingest.url, ingest.tenant.key, body, headers);
    expect(answer.status).toBe(expected);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.body).toMatchObject({
      status: expected,
      title: expect.any(String),
      detail: expect.any(String),
    });
  });

  it("refuses a chunked body over the limit, and goes on serving", async () => {
    const chunk = new Uint8Array(1024 * 1024).fill(32);
    let sent = 0;
    const stream = new ReadableStream({
      pull(controller) {
        sent += 1;
        if (sent > 12) controller.close();
        else controller.enqueue(chunk);
      },
    });
    const response = await fetch(`${ingest.url}/v1/executions`, {
      method: "POST",
      headers: { authorization: `Bearer ${ingest.tenant.key}`, "content-type": "application/json" },
      body: stream,
      duplex: "half",
    });
    expect(response.status).toBe(413);
    expect((await ingest.post(makeExecution())).status).toBe(200);
  });

  it("lets a wrong NDJSON line fall alone", async () => {
    const lines = [valid.slice(0, 50), JSON.stringify(makeExecution()), "{}"].join("\n");
    const answer = await postBytes(ingest.url, ingest.tenant.key, lines, ndjson);
    expect(answer.body).toMatchObject({ accepted: 1 });
    expect(answer.body.rejected.map((one) => one.index)).toEqual([0, 2]);
  });

  it("takes the last of duplicate JSON keys, as JSON readers do", async () => {
    const id = uuidv7();
    const body = valid.replace(/^\{"id":"[^"]+"/, `{"id":"${uuidv7()}","id":"${id}"`);
    expect((await postBytes(ingest.url, ingest.tenant.key, body, json)).body).toMatchObject({ accepted: 1 });
    await rowOf(id);
  });

  it("names what exists on other paths and methods", async () => {
    const get = await fetch(`${ingest.url}/v1/executions`);
    expect(get.status).toBe(405);
    expect(get.headers.get("allow")).toBe("POST");
    expect((await fetch(`${ingest.url}/v2`)).status).toBe(404);
    const malformed = await fetch(`${ingest.url}/%E0%A4%A`);
    expect(malformed.status).toBe(404);
    expect(malformed.headers.get("content-type")).toBe("application/problem+json");
  });
});

describe("keys", () => {
  it.each([
    ["none", null],
    ["one of another form", "sk-123"],
    ["one nobody has", `ntr_${"x".repeat(43)}`],
  ])("answers %s with 401", async (_what, key) => {
    const answer = await postBytes(ingest.url, key, "{}", { "content-type": "application/json" });
    expect(answer.status).toBe(401);
    expect(answer.headers.get("www-authenticate")).toContain("Bearer");
  });

  it("refuses an expired key, a revoked one, and one without the scope", async () => {
    const expired = await ingest.tenant.createKey({ expiresAt: new Date(Date.now() - 1_000) });
    expect((await postJson(ingest.url, expired.key, makeExecution())).status).toBe(401);
    const reader = await ingest.tenant.createKey({ scopes: ["read"] });
    expect((await postJson(ingest.url, reader.key, makeExecution())).status).toBe(403);
    const revoked = await ingest.tenant.createKey();
    const { revokeApiKey } = await import("../../shared/postgres/api-keys.ts");
    await asOwner(ingest.databases.adminDatabaseUrl, (sql) =>
      revokeApiKey(sql, ingest.tenant.organizationId, revoked.stored.id),
    );
    const answer = await postJson(ingest.url, revoked.key, makeExecution());
    expect(answer.status).toBe(401);
    expect(answer.body).toMatchObject({ detail: expect.stringContaining("revoked") });
  });

  it("bounds the requests of a key and says when to come again", async () => {
    const limited = await startIngest({
      databases: ingest.databases,
      env: { NETRA_REQUESTS_PER_SECOND: "1" },
    });
    try {
      const answers = await Promise.all(Array.from({ length: 6 }, () => limited.post(makeExecution())));
      const refused = answers.filter((answer) => answer.status === 429);
      expect(refused.length).toBeGreaterThanOrEqual(3);
      expect(Number(refused[0]?.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    } finally {
      await limited.close();
    }
  });
});
