import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Insights } from "../helpers/insights.ts";
import { startInsights } from "../helpers/insights.ts";
import { asOwner } from "../helpers/tenant.ts";
import { simpleScene } from "./agent-scenes.ts";
import { setStage, startNetra } from "./fake-agent.ts";

let insights: Insights;
let stage: ReturnType<typeof setStage>;

beforeAll(async () => {
  insights = await startInsights();
  stage = setStage(simpleScene(0.0041));
});
afterAll(async () => {
  await insights.close();
  stage.remove();
});

function netra(args: readonly string[], env: Record<string, string> = {}) {
  const own = {
    NETRA_INGEST_URL: insights.ingest.url,
    NETRA_INSIGHTS_URL: insights.url,
    NETRA_API_KEY: insights.tenant.key,
  };
  const admin = { NETRA_ADMIN_DATABASE_URL: insights.databases.adminDatabaseUrl };
  return startNetra(args, { env: { ...stage.env, ...own, ...admin, ...env }, cwd: stage.folder }).ended;
}

async function ledger(command: string) {
  return asOwner(insights.databases.adminDatabaseUrl, async (sql) => {
    const { rows } = await sql.query(
      `select status, total_tokens::int, cost_usd::text, cost_basis, reported_cost_usd::text, source, session_id
       from command_executions where command_raw = $1`,
      [command],
    );
    return rows as Record<string, unknown>[];
  });
}

describe("the client with the real functions", () => {
  it("puts a run into the ledger, priced by request", async () => {
    expect(await netra(["run", "tidy the cellar"])).toMatchObject({
      code: 0,
      stdout: "All is well.\n",
      stderr: "",
    });

    expect(await ledger("tidy the cellar")).toEqual([
      expect.objectContaining({
        status: "completed",
        total_tokens: 5_510,
        // 10 × $2 + 5,000 × $0.20 + 300 × $2.50 + 200 × $10, a million tokens each
        cost_usd: "0.003770000000",
        cost_basis: "computed",
        reported_cost_usd: "0.004100000000",
        source: "client",
      }),
    ]);
  });

  it("shows what was run, as tables and as JSON", async () => {
    const table = await netra(["stats", "--source", "ledger", "--by", "model"]);
    expect(table.stdout).toMatch(/claude-sonnet-5 +1 +0 +10 +5,000 +300 +200 +90\.7 % +\$0\.0038/);
    expect(table).toMatchObject({ code: 0, stderr: "" });

    const json = await netra(["stats", "--source", "ledger", "--by", "model,status", "--json"]);
    const answers = json.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(answers).toMatchObject([
      { group_by: "model" },
      { group_by: "status", rows: [{ key: "completed" }] },
    ]);

    const refused = await netra(["stats", "--from", "yesterday"]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("/from must be a date");
  });

  it("has a run in the ledger once that was made while the server was away and flushed twice at once", async () => {
    const away = { NETRA_INGEST_URL: "http://127.0.0.1:9", NETRA_API_KEY: insights.tenant.key };
    const run = await netra(["run", "sweep the yard"], away);
    expect(run).toMatchObject({ code: 0 });
    expect(await ledger("sweep the yard")).toEqual([]);

    const flushes = await Promise.all([
      netra(["flush", "--all", "--json"]),
      netra(["flush", "--all", "--json"]),
    ]);
    expect(flushes.map(({ code }) => code)).toEqual([0, 0]);
    expect(await ledger("sweep the yard")).toMatchObject([{ status: "completed" }]);
  });

  it("makes a key that works, lists it without its secret, and revokes it", async () => {
    const organization = ["--organization", insights.tenant.organizationId];
    const created = await netra([
      "keys",
      "create",
      "--name",
      "laptop",
      "--expires-days",
      "7",
      ...organization,
    ]);
    expect(created.code).toBe(0);
    const key = created.stdout.trim();
    expect(key).toMatch(/^ntr_[0-9A-Za-z]{43}$/);

    expect(await netra(["run", "--quiet", "greet"], { NETRA_API_KEY: key })).toMatchObject({
      code: 0,
      stderr: "",
    });
    expect(await ledger("greet")).toHaveLength(1);

    const listed = await netra(["keys", "list", "--json", ...organization]);
    const { keys } = JSON.parse(listed.stdout) as {
      keys: { name: string; key_prefix: string; scopes: string[] }[];
    };
    const found = keys.find(({ name }) => name === "laptop");
    expect(found).toMatchObject({ scopes: ["ingest", "read"] });
    expect(listed.stdout).not.toContain(key);

    expect(await netra(["keys", "revoke", found?.key_prefix ?? "", ...organization])).toMatchObject({
      code: 0,
    });
    expect((await netra(["keys", "list", ...organization])).stdout).toMatch(/laptop.*revoked/);
    expect(await netra(["keys", "revoke", "no-such-key", ...organization])).toMatchObject({ code: 1 });
  });

  it("writes the making and the revoking of a key into the audit log, and never the key", async () => {
    const organization = ["--organization", insights.tenant.organizationId];
    const made = await netra([
      "keys",
      "create",
      "--name",
      "audited",
      "--scopes",
      "read",
      "--json",
      ...organization,
    ]);
    const { key, stored } = JSON.parse(made.stdout) as {
      key: string;
      stored: { id: string; user_id: string };
    };
    await netra(["keys", "revoke", stored.id, ...organization]);
    expect(await netra(["keys", "revoke", "no-such-key", ...organization])).toMatchObject({ code: 1 });

    const logs = await asOwner(insights.databases.adminDatabaseUrl, async (sql) => {
      const { rows } = await sql.query(
        `select action, resource_type, user_id, organization_id, metadata from audit_logs
         where resource_id = $1 order by id`,
        [stored.id],
      );
      return rows as Record<string, unknown>[];
    });
    const same = {
      resource_type: "api_key",
      user_id: stored.user_id,
      organization_id: insights.tenant.organizationId,
      metadata: { name: "audited", scopes: ["read"], prefix: key.slice(0, 12) },
    };
    expect(logs).toEqual([
      { action: "api_key.created", ...same },
      { action: "api_key.revoked", ...same },
    ]);
    expect(JSON.stringify(logs)).not.toContain(key);
  });

  it("makes an organization only when told to", async () => {
    expect(await netra(["keys", "create", "--organization", "new-team"])).toMatchObject({ code: 2 });
    expect(await netra(["keys", "create", "--organization", "new-team", "--new"])).toMatchObject({ code: 0 });
    expect(await netra(["keys", "create"])).toMatchObject({ code: 2 });
  });
});
