import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BatchAnswer, SingleAnswer } from "../../../../functions/insights/predict/answer.ts";
import type { ExecutionInput } from "../../../../shared/agent/execution.ts";
import { PRICE_VERSION } from "../../../../shared/agent/prices.ts";
import { withOrganization } from "../../../../shared/postgres/pool.ts";
import { findEvidence } from "../../../../shared/postgres/prediction-evidence.ts";
import { type Insights, startInsights } from "../../../helpers/insights.ts";
import { makeExecution } from "../../../helpers/make-execution.ts";
import { type Patterns, startPatterns } from "../../../helpers/patterns.ts";
import { asOwner, createTenant } from "../../../helpers/tenant.ts";

const SONNET = "claude-sonnet-4-5";
const SHOP = { repository: "acme/shop" };

let insights: Insights;
let patterns: Patterns;
beforeAll(async () => {
  insights = await startInsights();
  patterns = await startPatterns({ databases: insights.databases });
  await insights.store(past("/review src/a.ts", 120, 2_000));
  await insights.store(past("/deploy --env=staging", 60, 40_000));
  await patterns.run("full", new Date().toISOString());
});
afterAll(async () => {
  await patterns?.close();
  await insights?.close();
});

/** Executions of the last days that wrote about so many tokens each. */
function past(command: string, count: number, output: number): ExecutionInput[] {
  return Array.from({ length: count }, (_, index) =>
    makeExecution({
      command,
      timestamp: new Date(Date.now() - (count - index) * 3_600_000).toISOString(),
      execution_time_ms: 60_000 + (index % 10) * 1_000,
      model: SONNET,
      usage: { input_tokens: 10 + (index % 3), output_tokens: output + (index % 20) * 10 },
      status: index % 10 === 0 ? "failed" : "completed",
      workspace: SHOP,
    }),
  );
}

interface Answered<Body> {
  status: number;
  body: Body;
  problem: { detail: string; errors?: { pointer: string; detail: string }[] };
}

async function post<Body = SingleAnswer>(
  body: unknown,
  options: { key?: string; headers?: Record<string, string>; method?: string } = {},
): Promise<Answered<Body>> {
  const { key = insights.tenant.key, headers = {}, method = "POST" } = options;
  const response = await fetch(`${insights.url}/v1/predict`, {
    method,
    headers: {
      "content-type": "application/json",
      ...(key === "" ? {} : { authorization: `Bearer ${key}` }),
      ...headers,
    },
    ...(method === "GET" ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const content: unknown = await response.json();
  return { status: response.status, body: content as Body, problem: content as Answered<Body>["problem"] };
}

const ask = async (max_usd: number | string): Promise<SingleAnswer> =>
  (await post({ command: "/review a.ts", workspace: SHOP, model: SONNET, max_usd })).body;

describe("a prediction", () => {
  it("tells what such commands have taken, with the level, the sample and how often intervals held", async () => {
    const { status, body } = await post({ command: "/review lib/b.ts", workspace: SHOP, model: SONNET });

    expect(status).toBe(200);
    expect(body).toMatchObject({
      command: { base: "/review", signature: "v1 /review <path>" },
      model: SONNET,
      price_version: PRICE_VERSION,
      learned: { executions: 180 },
      cost_unknown: null,
      budget: null,
    });
    for (const predicted of [body.cost_usd, body.output_tokens, body.total_tokens, body.execution_time_ms]) {
      expect(predicted).toMatchObject({ sample_size: 120 });
      expect(predicted?.level).toMatch(/review|base|features|signature/);
      expect(predicted?.calibration?.tried).toBeGreaterThan(10);
      expect(Number(predicted?.p10)).toBeLessThanOrEqual(Number(predicted?.p50));
      expect(Number(predicted?.p50)).toBeLessThanOrEqual(Number(predicted?.p90));
    }
    expect(body.output_tokens.p50).toBeGreaterThan(1_800);
    expect(body.output_tokens.p50).toBeLessThan(2_600);
    // 15 dollars for a million tokens written.
    expect(Number(body.cost_usd?.p50)).toBeCloseTo((15 * body.output_tokens.p50) / 1e6, 2);
    expect(body.cost_usd?.p50).toMatch(/^\d+\.\d{1,6}$/);
    expect(body.execution_time_ms.p50).toBeGreaterThan(50_000);
    expect(body.failure_probability.probability).toBeGreaterThan(0.05);
    expect(body.failure_probability.probability).toBeLessThan(0.15);
    expect(body.failure_probability.calibration).toMatchObject({ tried: expect.any(Number) });
    expect(
      (await post({ command: "/deploy --env=x", workspace: SHOP })).body.output_tokens.p50,
    ).toBeGreaterThan(30_000);
  });

  it("goes by the price of the model it is asked for, also of one never used here", async () => {
    const [usual, dearer] = await Promise.all(
      [SONNET, "claude-opus-4-1"].map((model) => post({ command: "/review a.ts", workspace: SHOP, model })),
    );

    const ratio = Number(dearer?.body.cost_usd?.p50) / Number(usual?.body.cost_usd?.p50);
    expect(ratio).toBeGreaterThan(4);
    expect(ratio).toBeLessThan(6);
    expect((await post({ command: "/review a.ts", workspace: SHOP })).body.cost_usd).toEqual(
      usual?.body.cost_usd,
    );
  });

  it("tells no cost of a model without a price, and why, but the rest", async () => {
    const { status, body } = await post({
      command: "/review a.ts",
      workspace: SHOP,
      model: "gpt-9",
      max_usd: 1,
    });

    expect(status).toBe(200);
    expect(body).toMatchObject({
      cost_usd: null,
      cost_unknown: `price table ${PRICE_VERSION} has no price for this model`,
      output_tokens: { sample_size: 120 },
      budget: { max_usd: "1", p50_exceeds: null, p90_exceeds: null },
    });
  });

  it("of an organization without a past is that of the prior, and says so", async () => {
    const { key } = await createTenant(insights.databases.adminDatabaseUrl);

    const { body } = await post({ command: "/review src/a.ts", workspace: SHOP, model: SONNET }, { key });
    const unnamed = await post({ command: "/review src/a.ts" }, { key });

    expect(body.learned).toBeNull();
    for (const name of ["cost_usd", "output_tokens", "execution_time_ms", "failure_probability"] as const)
      expect(body[name]).toMatchObject({ level: "prior", sample_size: 0, calibration: null });
    expect(Number(body.cost_usd?.p50)).toBeGreaterThan(0.1);
    expect(unnamed.body).toMatchObject({
      cost_usd: null,
      cost_unknown: expect.stringContaining("no model was named"),
    });
  });

  it("knows a command by its pattern however it is written, secrets and all, and logs nothing of it", async () => {
    const secret = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH";
    const plain = await post({ command: "/review lib/b.ts", workspace: SHOP });
    const other = await post({
      command: `/Review   lib/c.ts\n${secret} "quoted \0 \ud800"`,
      workspace: SHOP,
    });

    expect(plain.body.command.signature).toBe("v1 /review <path>");
    expect(other.status).toBe(200);
    expect(other.body.command.base).toBe("/review");
    expect(JSON.stringify(other.body)).not.toContain("sk-ant");
    const log = insights.logLines.join("");
    expect(log).toContain('"commands":1');
    for (const text of ["sk-ant", "quoted", "lib/b.ts", "acme/shop"]) expect(log).not.toContain(text);
  });

  it("holds the cost to a budget", async () => {
    const { cost_usd } = await ask("1000");
    const between = ((Number(cost_usd?.p50) + Number(cost_usd?.p90)) / 2).toFixed(6);

    expect((await ask("0")).budget).toEqual({ max_usd: "0", p50_exceeds: true, p90_exceeds: true });
    expect((await ask(between)).budget).toMatchObject({ p50_exceeds: false, p90_exceeds: true });
    expect((await ask(cost_usd?.p90 ?? "")).budget).toMatchObject({ p50_exceeds: false, p90_exceeds: false });
    expect((await ask(7.5)).budget).toEqual({ max_usd: "7.5", p50_exceeds: false, p90_exceeds: false });
  });

  it("does not change when another organization learns, and cannot be read by it", async () => {
    const other = await createTenant(insights.databases.adminDatabaseUrl);
    const question = { command: "/review a.ts", workspace: SHOP, model: SONNET };
    const cold = await post(question, { key: other.key });
    const mine = await post(question);
    await insights.store(past("/review src/a.ts", 30, 900_000), other.key);
    await patterns.run("incremental", new Date().toISOString());

    const again = await post(question);
    const theirs = await post(question, { key: other.key });

    expect(again.body.output_tokens).toEqual(mine.body.output_tokens);
    expect(cold.body.output_tokens.p50).toBeLessThan(10_000);
    expect(theirs.body.output_tokens.p50).toBeGreaterThan(500_000);
    expect(theirs.body.learned).toMatchObject({ executions: 30 });
  });

  it("is the prior's while what is stored is of another version", async () => {
    const { key, organizationId } = await createTenant(insights.databases.adminDatabaseUrl);
    await insights.store(past("/review src/a.ts", 30, 900_000), key);
    await patterns.run("incremental", new Date().toISOString());
    await asOwner(insights.databases.adminDatabaseUrl, (sql) =>
      sql.query("update prediction_models set version = version + 1 where organization_id = $1", [
        organizationId,
      ]),
    );

    const { body } = await post({ command: "/review src/a.ts", model: SONNET }, { key });

    expect(body).toMatchObject({ learned: null, output_tokens: { level: "prior" } });
  });
});

describe("a batch", () => {
  it("answers each command, tells what is wrong with others, and adds up what all cost", async () => {
    const { status, body } = await post<BatchAnswer>({
      model: SONNET,
      workspace: SHOP,
      max_usd: 0.5,
      commands: ["/review a.ts", { command: "/deploy --env=x", model: SONNET }],
    });
    const one = await post({ command: "/review a.ts", workspace: SHOP, model: SONNET });

    expect(status).toBe(200);
    expect(body).toMatchObject({ rejected: 0, total_unknown: null, budget: { max_usd: "0.5" } });
    expect(body.predictions[0]).toMatchObject({ index: 0, cost_usd: one.body.cost_usd });
    const total = body.total_cost_usd;
    expect(Number(total?.p50)).toBeGreaterThan(0.5);
    expect(body.budget).toMatchObject({ p50_exceeds: true, p90_exceeds: true });
    expect(Number(total?.p90)).toBeGreaterThan(Number(total?.p50));
  });

  it("leaves out what cannot be predicted, each with pointers, and then has no total", async () => {
    const { status, body } = await post<BatchAnswer>({
      commands: ["/review a.ts", "", { command: 7 }, { command: "/a", colour: "red" }, null],
      model: SONNET,
      max_usd: "3",
    });

    expect(status).toBe(200);
    expect(body.rejected).toBe(4);
    expect(
      body.predictions.map((one) => ("errors" in one ? one.errors.map(({ pointer }) => pointer) : null)),
    ).toEqual([
      null,
      ["/commands/1/command"],
      ["/commands/2/command"],
      ["/commands/3/colour"],
      ["/commands/4"],
    ]);
    expect(body).toMatchObject({
      total_cost_usd: null,
      total_unknown: "of 5 commands only 1 have a cost that can be told",
      budget: { p50_exceeds: null, p90_exceeds: null },
    });
  });
});

describe("refusals", () => {
  it.each([
    [{}, ["/command"]],
    [{ command: "" }, ["/command"]],
    [{ command: "/a", model: "" }, ["/model"]],
    [{ command: "/a", workspace: { repository: 7 } }, ["/workspace/repository"]],
    [{ command: "/a", max_usd: -1 }, ["/max_usd"]],
    [{ command: "/a", max_usd: "much" }, ["/max_usd"]],
    [{ command: "/a", colour: "red", size: 3 }, ["/colour", "/size"]],
    [{ commands: [] }, ["/commands"]],
    [{ commands: "/a" }, ["/commands"]],
    [{ commands: ["/a"], max_usd: {} }, ["/max_usd"]],
    [{ commands: ["", 7] }, ["/commands/0/command", "/commands/1"]],
    [["/a"], [""]],
  ])("names what is wrong with %j", async (body, pointers) => {
    const { status, problem } = await post(body);

    expect(status).toBe(400);
    expect(problem.errors?.map(({ pointer }) => pointer)).toEqual(pointers);
    for (const { detail } of problem.errors ?? []) expect(detail).not.toBe("");
  });

  it("says plainly what is missing or empty", async () => {
    expect((await post({ model: "m" })).problem.errors).toEqual([
      { pointer: "/command", detail: "is missing" },
    ]);
    expect((await post({ command: "" })).problem.errors).toEqual([
      { pointer: "/command", detail: "must not be empty" },
    ]);
  });

  it("says what to send where the body is none", async () => {
    expect(await post("{")).toMatchObject({
      status: 400,
      problem: { detail: "the body is not valid JSON in UTF-8" },
    });
    expect((await post("x", { headers: { "content-type": "text/plain" } })).status).toBe(415);
    expect((await post("x", { headers: { "content-encoding": "gzip" } })).status).toBe(415);
    expect((await post({ commands: Array.from({ length: 101 }, () => "/a") })).status).toBe(413);
    expect((await post({ command: "x".repeat(2_000_000) })).status).toBe(413);
    expect((await post({ command: "x".repeat(70_000) })).problem.errors).toContainEqual({
      pointer: "/command",
      detail: "at most 65536 bytes of UTF-8",
    });
    expect((await post(null, { method: "GET" })).status).toBe(405);
  });

  it("takes a key that may read, and no other", async () => {
    const writer = await insights.tenant.createKey({ scopes: ["ingest"] });

    expect((await post({ command: "/a" }, { key: "" })).status).toBe(401);
    expect((await post({ command: "/a" }, { key: writer.key })).status).toBe(403);
  });
});

describe("what was learned", () => {
  const tables = ["prediction_models", "prediction_levels"];

  it.each(tables)("in %s can be read by its own organization alone, and changed by none", async (table) => {
    const { organizationId } = insights.tenant;
    const other = await createTenant(insights.databases.adminDatabaseUrl);
    const count = (reader: string): Promise<number> =>
      withOrganization(insights.context.pool, reader, async (sql) => {
        const { rows } = await sql.query<{ count: number }>(
          `select count(*) as count from ${table} where organization_id = $1`,
          [organizationId],
        );
        return rows[0]?.count ?? 0;
      });

    expect(await count(organizationId)).toBeGreaterThan(0);
    expect(await count(other.organizationId)).toBe(0);
    await expect(
      withOrganization(insights.context.pool, organizationId, (sql) =>
        sql.query(`delete from ${table} where organization_id = $1`, [organizationId]),
      ),
    ).rejects.toThrow(/permission denied/);
  });

  it("is found by one statement, which leaves no tenant behind on its connection", async () => {
    const client = await insights.context.pool.connect();
    try {
      const found = await findEvidence(client, insights.tenant.organizationId, []);
      expect(found?.executions).toBeGreaterThan(0);
      const { rows } = await client.query("select current_organization_id() as tenant");
      expect(rows).toEqual([{ tenant: null }]);
    } finally {
      client.release();
    }
  });

  it("that cannot be read in time is answered with 503 and when to come again", async () => {
    await asOwner(insights.databases.adminDatabaseUrl, async (sql) => {
      await sql.query("begin; lock table prediction_models in access exclusive mode");
      const { status, problem } = await post({ command: "/a" });
      expect(status).toBe(503);
      expect(problem.detail).toContain("ask again");
      await sql.query("rollback");
    });
    expect((await post({ command: "/a" })).status).toBe(200);
  });
});
