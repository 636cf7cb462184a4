import { afterAll, beforeAll, expect, it } from "vitest";
import {
  deployed,
  type Happening,
  pullRequest,
  ran,
  type Shipped,
  startShipped,
} from "../helpers/shipped.ts";

let shipped: Shipped;
beforeAll(async () => {
  shipped = await startShipped();
});
afterAll(() => shipped?.close());

const FORK = { id: 700_000_555, full_name: "someone/shop" };
const ONE = pullRequest({ number: 1, branch: "develop", openedAt: 100, heads: ["One"], fork: FORK });

/** GitHub tells no repository of a branch any more when the fork is deleted. */
function afterTheForkIsGone(): Happening[] {
  const [first] = pullRequest({ number: 1, branch: "develop", openedAt: 100, heads: ["One"], fork: FORK });
  if (first?.kind !== "github") throw new Error("a pull request begins with GitHub");
  const { payload } = first.delivery;
  const told = payload["pull_request"] as { updated_at: string; head: { repo: unknown } };
  told.head.repo = null;
  told.updated_at = "2026-11-02T20:00:00Z";
  return [{ kind: "github", delivery: { ...first.delivery, guid: "00000000-0000-4000-8000-0000000000f0" } }];
}

it.each([
  ["after it was told", [...ONE, ...afterTheForkIsGone()]],
  ["before an older event came late", [...afterTheForkIsGone(), ...ONE]],
])("a branch of a fork that was deleted, %s, does not become the repository's own", async (_when, told) => {
  const tenant = await shipped.tell([
    ...told,
    ran(1_000, 10, { repository: "someone/shop", branch: "develop" }),
    ran(1_010, 100, { repository: "acme/shop", branch: "develop" }),
  ]);
  const answer = await shipped.ask(tenant);
  expect(answer.attributed).toMatchObject({ executions: 1, total_tokens: 10 });
});

it("the address of a place within a pull request names that one", async () => {
  const tenant = await shipped.tell([
    ...pullRequest({ number: 7, branch: "seven", openedAt: 100, heads: ["Seven"] }),
    ...["#discussion_r1", "?w=1", "/files"].map((end, index) =>
      ran(1_000 + index, 10, {
        repository: "acme/shop",
        pull_request: `https://github.com/acme/shop/pull/7${end}`,
      }),
    ),
  ]);
  expect((await shipped.ask(tenant)).attributed.executions).toBe(3);
});

it("a page token with what no text may hold is refused as one of ours would not be", async () => {
  const range = [Date.UTC(2026, 10, 2), Date.UTC(2026, 10, 3)];
  const tenant = await shipped.tell(deployed({ id: 1, commit: "One", second: 200 }));
  for (const text of ["a\\u0000b", "\\ud800"]) {
    const shippedToken = `["shipped","pull_request",${range.join(",")},"${text}",null,null,null,1]`;
    const costsToken = `["costs",${range.join(",")},"command_base","cost_usd",true,"analytics",1,{"model":"${text}"}]`;
    for (const [path, token] of [
      ["/v1/shipped", shippedToken],
      ["/v1/analytics/costs", costsToken],
    ]) {
      const encoded = Buffer.from(token ?? "").toString("base64url");
      const answer = await shipped.insights.getRaw(`${path}?page_token=${encoded}`, tenant.key);
      expect([answer.status, answer.problem.errors?.[0]?.pointer]).toEqual([400, "/page_token"]);
    }
  }
});
