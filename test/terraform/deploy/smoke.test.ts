import { describe, expect, it, onTestFinished } from "vitest";
import { createApiKey } from "../../../shared/api-key.ts";
import { askHttp } from "../../../terraform/deploy/real-world.ts";
import { planChecks } from "../../../terraform/deploy/smoke.ts";
import { startInsights } from "../../helpers/insights.ts";
import { startWebhooks } from "../../helpers/webhooks.ts";

async function startPublicFunctions() {
  const insights = await startInsights();
  const webhooks = await startWebhooks({ databases: insights.databases });
  onTestFinished(async () => {
    await webhooks.close();
    await insights.close();
  });
  return { ingest: insights.ingest.url, insights: insights.url, webhooks: webhooks.url };
}

describe("the questions a deployment asks", () => {
  it("are answered by the functions as it expects", async () => {
    const uris = await startPublicFunctions();
    // The platform answers for health before the function does.
    const checks = planChecks(uris, createApiKey().key).filter(({ type }) => type !== null);

    const answers = await Promise.all(
      checks.map(async ({ question, statuses, type }) => {
        const reply = await askHttp({ ...question, dryAnswer: { status: null, type: "", body: "" } });
        return {
          asked: question.title,
          isWell:
            reply.status !== null && statuses.includes(reply.status) && reply.type.startsWith(type ?? ""),
          reply: reply.status,
        };
      }),
    );

    expect(answers.length).toBeGreaterThan(8);
    expect(answers.filter(({ isWell }) => !isWell)).toEqual([]);
  });

  it("find out that a function does not reach its database", async () => {
    const insights = await startInsights({ DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" });
    onTestFinished(insights.close);
    const checks = planChecks({ ingest: insights.ingest.url, insights: insights.url }, createApiKey().key);
    const check = checks.find(({ question }) => question.title === "insights looks keys up in the database");

    expect(check).toBeDefined();
    const reply = await askHttp({ ...check!.question, dryAnswer: { status: null, type: "", body: "" } });

    expect(reply.status).toBe(503);
    expect(check!.statuses).toEqual([401]);
  });
});
