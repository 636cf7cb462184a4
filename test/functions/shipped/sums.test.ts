import { randomUUID } from "node:crypto";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ShippedAnswer } from "../../../functions/insights/shipped/answer.ts";
import { parseUsd } from "../../../shared/agent/usd.ts";
import { listShipped } from "../../../shared/postgres/shipped.ts";
import { withOrganization } from "../../../shared/postgres/pool.ts";
import { SHIPPED_KINDS } from "../../../shared/shipped.ts";
import {
  deployed,
  githubTime,
  type Happening,
  linearIssue,
  pullRequest,
  ran,
  type Shipped,
  startShipped,
} from "../../helpers/shipped.ts";
import type { Tenant } from "../../helpers/tenant.ts";

/** What this file guards: what is split adds up to the whole, to the last token and pico-dollar, for everybody apart. */
let shipped: Shipped;
beforeAll(async () => {
  shipped = await startShipped();
});
afterAll(() => shipped?.close());

const place = (branch: string) => ({ repository: "acme/shop", branch });
const inSession = (session_id: string) => ({ session: { session_id } });
const rowOf = (answer: ShippedAnswer, number: number) => answer.rows.find((row) => row["number"] === number);

const THREE: readonly Happening[] = [
  ...pullRequest({ number: 1, branch: "one", openedAt: 100, heads: ["One"] }),
  ...pullRequest({
    number: 2,
    branch: "two",
    openedAt: 200,
    heads: ["Two"],
    closedAt: 5_000,
    merge: "Merge two",
  }),
  ...pullRequest({ number: 3, branch: "three-eng-1", openedAt: 300, heads: ["Three"] }),
];

describe("what is for several", () => {
  it("a session's executions go to the pull requests they are for, and what says nothing in proportion to these", async () => {
    const session = inSession("long");
    const tenant = await shipped.tell([
      ...THREE,
      ran(1_000, 10, place("main"), session),
      ran(1_010, 100, place("one"), session),
      ran(1_020, 100, place("one"), session),
      ran(1_030, 100, place("two"), session),
      // Somebody else's on the default branch stays where it is.
      ran(1_040, 1_000, place("main"), inSession("other")),
    ]);
    const answer = await shipped.ask(tenant);
    expect(rowOf(answer, 1)).toMatchObject({
      executions: 3,
      total_tokens: 207,
      shared_executions: 1,
      sessions: 1,
    });
    expect(rowOf(answer, 2)).toMatchObject({ executions: 1, total_tokens: 103, shared_executions: 1 });
    expect(answer.unattributed.reasons).toMatchObject([{ reason: "default_branch", total_tokens: 1_000 }]);
  });

  it("an execution without a repository goes with its session; one of another repository does not", async () => {
    const session = inSession("moving");
    const tenant = await shipped.tell([
      ...THREE,
      ran(1_000, 8, {}, session),
      ran(1_010, 1, place("one"), session),
      ran(1_020, 4, { repository: "acme/site", branch: "main" }, session),
    ]);
    const answer = await shipped.ask(tenant);
    expect(rowOf(answer, 1)).toMatchObject({ executions: 2, total_tokens: 9 });
    expect(answer.unattributed.reasons).toMatchObject([{ reason: "repository_unknown", total_tokens: 4 }]);
  });

  it("a command that names three pull requests is split equally, what cannot be divided by their order", async () => {
    const tenant = await shipped.tell([
      ...THREE,
      ran(1_000, 11, place("main"), {
        command: "compare #3, #1 and acme/shop#2; leave #99 and Acme/Shop#1 alone",
      }),
    ]);
    const answer = await shipped.ask(tenant);
    expect([1, 2, 3].map((number) => rowOf(answer, number)?.["total_tokens"])).toEqual([4, 4, 3]);
    expect([1, 2, 3].map((number) => rowOf(answer, number)?.["executions"])).toEqual([1, 0, 0]);
    expect([1, 2, 3].map((number) => rowOf(answer, number)?.["people"])).toEqual([1, 1, 1]);
    // 11 tokens at 3 dollars a million.
    const parts = [1, 2, 3].map((number) => parseUsd(String(rowOf(answer, number)?.["cost_usd"])) ?? 0n);
    expect(parts.reduce((sum, part) => sum + part, 0n)).toBe(33_000_000n);
    expect(parts).toEqual([11_000_000n, 11_000_000n, 11_000_000n]);
  });

  it("what has no cost or tells no tokens stays unknown in each part", async () => {
    const tenant = await shipped.tell([
      ...THREE,
      ran(1_000, null, place("main"), { command: "see #1 and #2" }),
      ran(1_010, 5, place("three-eng-1"), { model: "a-model-nobody-knows" }),
    ]);
    const answer = await shipped.ask(tenant);
    expect(rowOf(answer, 1)).toMatchObject({
      total_tokens: null,
      cost_usd: null,
      unmeasured: 1,
      unpriced: 1,
    });
    expect(rowOf(answer, 2)).toMatchObject({
      total_tokens: null,
      cost_usd: null,
      unmeasured: 0,
      unpriced: 0,
    });
    expect(rowOf(answer, 3)).toMatchObject({ total_tokens: 5, cost_usd: null, unpriced: 1 });
    expect(answer.total).toMatchObject({ executions: 2, total_tokens: 5, cost_usd: null, unpriced: 2 });
  });
});

describe("whatever is told", () => {
  const branch = fc.constantFrom("main", "one", "two", "three-eng-1", "eng-2", "nowhere", undefined);
  const command = fc.constantFrom(
    "/review src",
    "see #1 and #2",
    "see #1, #2, #3",
    "ENG-1 and ENG-2 please",
    "fix UTF-8",
  );
  const execution = fc.record({
    second: fc.integer({ min: 1, max: 9_000 }),
    tokens: fc.option(fc.integer({ min: 0, max: 1_000_000 })),
    model: fc.constantFrom("claude-sonnet-4-5", "claude-haiku-4-5", "a-model-nobody-knows"),
    status: fc.constantFrom("completed", "failed", "timeout", "pending"),
    repository: fc.constantFrom("acme/shop", "https://github.com/acme/shop.git", "acme/site", undefined),
    branch,
    command,
    session: fc.constantFrom("a", "b", "c"),
  } as const);

  it("the parts of every answer add up to the whole, and the whole is what the summary says", async () => {
    const webhooks = [
      ...THREE,
      linearIssue("ENG-1", 10, "completed"),
      linearIssue("ENG-2", 10, "started"),
      ...deployed({ id: 1, commit: "Merge two", second: 5_100 }),
    ];
    await fc.assert(
      fc.asyncProperty(fc.array(execution, { minLength: 1, maxLength: 40 }), async (executions) => {
        const tenant = await shipped.tell([
          ...webhooks,
          ...executions.map(({ second, tokens, repository, branch: on, session, ...rest }) =>
            ran(
              second,
              tokens,
              {
                ...(repository === undefined ? {} : { repository }),
                ...(on === undefined ? {} : { branch: on }),
              },
              { ...rest, ...inSession(session) },
            ),
          ),
        ]);
        const { total } = await summaryOf(tenant);
        for (const by of SHIPPED_KINDS) {
          const answer = await shipped.ask(tenant, { by, limit: "1000" });
          expect(answer.next_page_token).toBeNull();
          expectExact(answer, total);
        }
      }),
      { numRuns: 6 },
    );
  });
});

async function summaryOf(tenant: Tenant) {
  const path = "/v1/summary?source=ledger&from=2026-11-02&to=2026-11-02";
  return (await shipped.insights.getRaw(path, tenant.key)).body;
}

interface Sums {
  executions: number;
  failures: number;
  total_tokens: number | null;
  unmeasured: number;
  cost_usd: string | null;
  unpriced: number;
}

function expectExact(answer: ShippedAnswer, summary: Sums): void {
  const { total, attributed, unattributed, rows, listed } = answer;
  expect(sumsOf(total)).toEqual(sumsOf(summary));
  expect(add([attributed, unattributed])).toEqual(sumsOf(total));
  expect(add(unattributed.reasons)).toEqual(sumsOf(unattributed));
  const rowSums = rows as unknown as (Sums & { evidence: Sums[] })[];
  expect(add(rowSums)).toEqual(sumsOf(attributed));
  expect(sumsOf(listed)).toEqual(sumsOf(attributed));
  for (const row of rowSums) expect(add(row.evidence)).toEqual(sumsOf(row));
}

function sumsOf(sums: Sums): Sums {
  const { executions, failures, total_tokens, unmeasured, cost_usd, unpriced } = sums;
  return { executions, failures, total_tokens, unmeasured, cost_usd, unpriced };
}

/** Exact sums; null where no part is known. */
function add(parts: readonly Sums[]): Sums {
  const known = parts.flatMap(({ cost_usd }) => (cost_usd === null ? [] : [parseUsd(cost_usd) ?? 0n]));
  const pico = known.reduce((sum, cost) => sum + cost, 0n);
  const tokens = parts.flatMap(({ total_tokens }) => (total_tokens === null ? [] : [total_tokens]));
  const sum = (name: "executions" | "failures" | "unmeasured" | "unpriced") =>
    parts.reduce((all, part) => all + part[name], 0);
  return {
    executions: sum("executions"),
    failures: sum("failures"),
    total_tokens: tokens.length === 0 ? null : tokens.reduce((all, count) => all + count, 0),
    unmeasured: sum("unmeasured"),
    cost_usd: known.length === 0 ? null : decimal(pico),
    unpriced: sum("unpriced"),
  };
}

function decimal(pico: bigint): string {
  const digits = pico.toString().padStart(13, "0");
  return `${digits.slice(0, -12)}.${digits.slice(-12)}`.replace(/\.?0+$/, "");
}

describe("the forms of a repository's name", () => {
  it.each([
    "acme/shop",
    "Acme/Shop",
    "https://github.com/acme/shop",
    "https://github.com/Acme/shop.git",
    "https://user:password@github.com:443/acme/shop.git/",
    "git@github.com:acme/shop.git",
    "ssh://git@github.com:22/acme/shop.git",
    "git://github.com/acme/shop",
    "github.com/acme/shop",
    "https://github.com/acme/shop/tree/main",
  ])("%s is what the webhooks call acme/shop", async (repository) => {
    const tenant = await shipped.tell([...THREE.slice(0, 1), ran(1_000, 5, { repository, branch: "one" })]);
    const answer = await shipped.ask(tenant, { by: "repository" });
    expect(answer.rows).toMatchObject([{ repository: "acme/shop", total_tokens: 5 }]);
    expect((await shipped.ask(tenant)).rows).toMatchObject([{ number: 1, total_tokens: 5 }]);
  });
});

describe("tenants", () => {
  it("see their own alone, through the function and past it", async () => {
    const mine = await shipped.tell([...THREE, ran(1_000, 5, place("one"))]);
    const theirs = await shipped.tell([ran(1_000, 7, place("one"))]);
    // Their executions are on the same branch; the pull request is mine.
    expect(await shipped.ask(theirs)).toMatchObject({ total: { total_tokens: 7 }, rows: [] });
    expect(await shipped.ask(mine)).toMatchObject({ total: { total_tokens: 5 }, rows: [{ number: 1 }] });
    const query = {
      by: "pull_request",
      from: new Date(githubTime(0)),
      to: new Date(githubTime(80_000)),
      person: null,
      repository: null,
      state: null,
      environment: null,
      limit: 10,
      offset: 0,
    } as const;
    const rows = await withOrganization(shipped.insights.context.pool, theirs.organizationId, (sql) =>
      listShipped(sql, mine.organizationId, query),
    );
    expect(rows.find(({ kind }) => kind === "whole")).toMatchObject({ executions: 0, cost_usd: null });
    expect(rows.filter(({ kind }) => kind === "row")).toEqual([]);
  });
});

describe("parameters", () => {
  it.each([
    ["an unknown parameter", "groupby=day", "/groupby"],
    ["another kind", "by=weather", "/by"],
    ["a state of another kind", "by=issue&state=merged", "/state"],
    ["an environment where there is none", "by=repository&environment=production", "/environment"],
    ["a range that ends before it begins", "from=2026-02-01&to=2026-01-01", "/from"],
    ["a range that is too long", "from=2025-01-01&to=2026-06-01", "/from"],
    ["a limit of nothing", "limit=0", "/limit"],
    ["an empty name", "person=", "/person"],
    ["a name the ledger cannot hold", "person=%00", "/person"],
    ["an invented page token", "page_token=abc", "/page_token"],
    ["a page token of another question", `page_token=${btoa('[0,1,"day","ledger",1]')}`, "/page_token"],
    ["a parameter given twice", "by=issue&by=issue", "/by"],
  ])("refuses %s and names it", async (_what, query, pointer) => {
    const { status, problem } = await shipped.insights.getRaw(`/v1/shipped?${query}`);
    expect([status, problem.errors?.map((fault) => fault.pointer)]).toEqual([400, [pointer]]);
  });

  it("refuses a page token beside another question, and a key without the scope to read", async () => {
    const tenant = await shipped.tell([...THREE, ran(1_000, 5, place("one")), ran(1_000, 5, place("two"))]);
    const { next_page_token: token } = await shipped.ask(tenant, { limit: "1" });
    const other = await shipped.insights.getRaw(`/v1/shipped?by=issue&page_token=${token}`, tenant.key);
    expect([other.status, other.problem.errors?.map((fault) => fault.pointer)]).toEqual([400, ["/by"]]);
    const { key } = await tenant.createKey({ scopes: ["ingest"] });
    expect((await shipped.insights.getRaw("/v1/shipped", key)).status).toBe(403);
    expect((await shipped.insights.getRaw(`/v1/shipped?repository=${randomUUID()}`, tenant.key)).status).toBe(
      200,
    );
  });
});
