import * as fc from "fast-check";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLog } from "../../../shared/log.ts";
import type { NewSubscription } from "../../../shared/postgres/event-subscriptions.ts";
import { createPool, type Pool, withOrganization } from "../../../shared/postgres/pool.ts";
import { createDatabases, type TestDatabases } from "../../helpers/databases.ts";
import { type EventParts, makeSource, storeEvent, storeSubscription } from "../../helpers/deliveries.ts";
import { createTenant, type Tenant } from "../../helpers/tenant.ts";

/** What this file guards: a subscription gets the events it asks for and no others; a mistake gets none. */
let databases: TestDatabases;
let tenant: Tenant;
let owner: Client;
let pool: Pool;

beforeAll(async () => {
  databases = await createDatabases();
  tenant = await createTenant(databases.adminDatabaseUrl);
  owner = new Client({ connectionString: databases.adminDatabaseUrl });
  await owner.connect();
  const log = createLog("test", () => undefined);
  pool = createPool({ databaseUrl: databases.databaseUrl, connectionsMax: 2, applicationName: "test", log });
});
afterAll(async () => {
  await pool.end();
  await owner.end();
  await databases.close();
});

async function matches(event: EventParts, wanted: Partial<NewSubscription>): Promise<boolean> {
  const { id } = await storeEvent(owner, tenant.organizationId, event);
  const subscription = await storeSubscription(owner, tenant.organizationId, wanted);
  return asTenant(tenant, id, subscription.id);
}

async function asTenant(who: Tenant, eventId: string, subscriptionId: string): Promise<boolean> {
  return withOrganization(pool, who.organizationId, async (sql) => {
    const text = "select check_subscription_match($1, $2) as matches";
    const { rows } = await sql.query<{ matches: boolean }>(text, [eventId, subscriptionId]);
    return rows[0]?.matches ?? false;
  });
}

async function holds(payload: unknown, condition: unknown): Promise<boolean> {
  const text = "select event_condition_holds($1::jsonb, $2::jsonb) as holds";
  const values = [payload === undefined ? null : JSON.stringify(payload), JSON.stringify(condition)];
  const { rows } = await owner.query<{ holds: boolean }>(text, values);
  return rows[0]?.holds ?? false;
}

describe("patterns of types", () => {
  it.each([
    ["github.pull_request", "opened", "github.pull_request", true],
    ["github.pull_request", "opened", "github.pull_request.opened", true],
    ["github.pull_request", "opened", "github.pull_request.*", true],
    ["github.pull_request", "opened", "github.*", true],
    ["github.pull_request", "opened", "*", true],
    ["github.pull_request", "opened", "*.opened", true],
    ["github.pull_request", "opened", "*pull*open*", true],
    ["github.pull_request", "opened", "github.pull_request.closed", false],
    ["github.pull_request", "opened", "github.pull", false],
    ["github.pull_request_review", "submitted", "github.pull_request", false],
    ["github.pull_request_review", "submitted", "github.pull_request.*", false],
    ["github.push", null, "github.push", true],
    ["github.push", null, "github.push.*", true],
    ["linear.Issue", "create", "linear.issue", false],
    ["github.pull_request", "opened", "", false],
  ])("%s with action %s and pattern %j: %s", async (type, action, pattern, expected) => {
    expect(await matches({ type, action }, { eventTypes: [pattern] })).toBe(expected);
  });

  it.each(["%", "github.%", "______.push", "github._ush", "github\\.push", "\\*", "github.push\\", "\\%"])(
    "takes %j as it is written: only * is special",
    async (pattern) => {
      expect(await matches({ type: "github.push", action: null }, { eventTypes: [pattern] })).toBe(false);
    },
  );

  it("matches names by any pattern as a small reference does", async () => {
    const part = fc.constantFrom("a", "b", "%", "_", "\\", "*", ".");
    const text = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(""));
    await fc.assert(
      fc.asyncProperty(text, text, async (name, pattern) => {
        const { rows } = await owner.query<{ matches: boolean }>(
          "select event_name_matches($1, $2) as matches",
          [name, pattern],
        );
        const literal = pattern.split("*").map((piece) => piece.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
        expect(rows[0]?.matches).toBe(new RegExp(`^${literal.join(".*")}$`, "s").test(name));
      }),
      { numRuns: 400 },
    );
  });

  it("is enough that one of several fits", async () => {
    expect(await matches({ type: "github.push" }, { eventTypes: ["slack.*", "github.push"] })).toBe(true);
    expect(await matches({ type: "github.push" }, { eventTypes: ["slack.*", "linear.*"] })).toBe(false);
  });
});

describe("what else narrows a subscription", () => {
  it("a source lets only its own events through", async () => {
    const sourceId = await makeSource(owner, tenant.organizationId);
    expect(await matches({ sourceId }, { sourceId })).toBe(true);
    expect(await matches({}, { sourceId })).toBe(false);
  });

  it.each([
    ["octo/widgets", ["octo/widgets"], true],
    ["Octo/Widgets", ["octo/WIDGETS"], true],
    ["octo/widgets", ["octo/*"], true],
    ["octo/widgets", ["other/*", "*/widgets"], true],
    ["octo/widgets", ["octo/widget"], false],
    ["octo/widgets", ["octo/widget_"], false],
    ["octo/widgets", ["%"], false],
    [null, ["*"], false],
  ])("repository %s by patterns %j: %s", async (repository, repositories, expected) => {
    expect(await matches({ repository }, { repositories })).toBe(expected);
  });

  it("a project lets only events of its repositories through", async () => {
    const { organizationId } = tenant;
    const projects = await owner.query<{ id: string }>(
      "insert into projects (organization_id, name) values ($1, 'Widgets') returning id",
      [organizationId],
    );
    const projectId = projects.rows[0]?.id ?? "";
    expect(await matches({ repository: "octo/of-project" }, { projectId })).toBe(false);
    await owner.query(
      `with r as (
         insert into repositories
           (organization_id, provider, external_id, owner, name, full_name, version_time, version_rank, version_key)
         values ($1, 'github', '77', 'octo', 'of-project', 'octo/of-project', now(), 0, '') returning id
       ) insert into project_repositories (organization_id, project_id, repository_id) select $1, $2, id from r`,
      [organizationId, projectId],
    );
    expect(await matches({ repository: "octo/of-project" }, { projectId })).toBe(true);
    expect(await matches({ repository: "octo/widgets" }, { projectId })).toBe(false);
    expect(await matches({ repository: null }, { projectId })).toBe(false);
  });

  it("conditions look into the payload", async () => {
    const conditions = { path: "/number", eq: 7 };
    expect(await matches({ payload: { number: 7 } }, { conditions })).toBe(true);
    expect(await matches({ payload: { number: 8 } }, { conditions })).toBe(false);
    expect(await matches({ payload: undefined }, { conditions })).toBe(false);
  });

  it("without conditions every event of the type fits", async () => {
    expect(await matches({ payload: undefined }, { conditions: null })).toBe(true);
  });

  it("one organization's subscription never gets another's events", async () => {
    const other = await createTenant(databases.adminDatabaseUrl);
    const event = await storeEvent(owner, other.organizationId);
    const ours = await storeSubscription(owner, tenant.organizationId);
    const { rows } = await owner.query("select check_subscription_match($1, $2) as matches", [
      event.id,
      ours.id,
    ]);

    expect(rows).toEqual([{ matches: false }]);
    expect(await asTenant(tenant, event.id, ours.id)).toBe(false);
    expect(await asTenant(other, event.id, ours.id)).toBe(false);
  });
});

const PAYLOAD = {
  a: { b: [{ c: "deep" }, 2, null] },
  "x/y": 1,
  "m~n": 2,
  "~1": 3,
  "": "empty",
  number: 7,
  text: "prefixed",
  yes: true,
  nothing: null,
  list: [1, 2],
};

const nested = (depth: number): unknown => {
  let condition: unknown = { path: "/number", eq: 7 };
  for (let level = 0; level < depth; level += 1) condition = { not: condition };
  return condition;
};

describe("conditions", () => {
  it.each([
    [{ path: "/a/b/0/c", eq: "deep" }, true],
    [{ path: "/a/b/1", gte: 2 }, true],
    [{ path: "/a/b/2", eq: null }, true],
    [{ path: "/a/b/3", exists: true }, false],
    [{ path: "/a/b/-1", exists: true }, false],
    [{ path: "/a/b/01", exists: true }, false],
    [{ path: "/a/b/-", exists: true }, false],
    [{ path: "/a/b/99999999999999", exists: true }, false],
    [{ path: "/text/0", exists: true }, false],
    [{ path: "/x~1y", eq: 1 }, true],
    [{ path: "/m~0n", eq: 2 }, true],
    [{ path: "/~01", eq: 3 }, true],
    [{ path: "/", eq: "empty" }, true],
    [{ path: "//", exists: true }, false],
    [{ path: "/list", eq: [1, 2] }, true],
    [{ path: "/list", eq: [2, 1] }, false],
    [{ path: "/number", eq: 7.0 }, true],
    [{ path: "/number", eq: "7" }, false],
    [{ path: "/missing", eq: null }, false],
    [{ path: "/nothing", exists: true }, true],
    [{ path: "/missing", exists: false }, true],
    [{ path: "/number", in: [1, 7] }, true],
    [{ path: "/number", in: [] }, false],
    [{ path: "/missing", in: [null] }, false],
    [{ path: "/text", prefix: "pre" }, true],
    [{ path: "/text", prefix: "p%" }, false],
    [{ path: "/number", prefix: "7" }, false],
    [{ path: "/number", gt: 6, lt: 8 }, true],
    [{ path: "/number", gt: 7 }, false],
    [{ path: "/number", lte: 7 }, true],
    [{ path: "/text", gt: 0 }, false],
    [{ not: { path: "/number", eq: 7 } }, false],
    [{ not: { path: "/missing", exists: true } }, true],
    [
      {
        all: [
          { path: "/number", eq: 7 },
          { path: "/yes", eq: true },
        ],
      },
      true,
    ],
    [
      {
        all: [
          { path: "/number", eq: 7 },
          { path: "/yes", eq: false },
        ],
      },
      false,
    ],
    [
      {
        any: [
          { path: "/number", eq: 8 },
          { path: "/yes", eq: true },
        ],
      },
      true,
    ],
    [{ any: [{ path: "/number", eq: 8 }] }, false],
  ])("%j is %s of the example", async (condition, expected) => {
    expect(await holds(PAYLOAD, condition)).toBe(expected);
  });

  it("the empty path is the whole payload", async () => {
    expect(await holds([1], { path: "", eq: [1] })).toBe(true);
    expect(await holds("text", { path: "", prefix: "te" })).toBe(true);
  });

  const MISTAKES: unknown[] = [
    {},
    [],
    "x",
    1,
    true,
    null,
    { path: "/a" },
    { path: "a", eq: 1 },
    { path: "/a~2", exists: false },
    { path: "/a~", exists: false },
    { path: 1, eq: 1 },
    { eq: 1 },
    { path: "/a", equals: 1 },
    { path: "/a", eq: 1, extra: 1 },
    { path: "/a", in: 1 },
    { path: "/a", exists: "no" },
    { path: "/a", prefix: 1 },
    { path: "/a", gt: "1" },
    { path: "/a", lte: null },
    { all: {} },
    { all: [] },
    { any: [] },
    { any: "x" },
    { all: [{ path: "/number", eq: 7 }], any: [{ path: "/number", eq: 7 }] },
    { all: [{ path: "/number", eq: 7 }, {}] },
    { not: {} },
    { not: [] },
    { not: { path: "/a" } },
    { not: { any: [] } },
    { not: { path: "/a~2", exists: true } },
    { not: { path: "/a", gt: "1" } },
    { not: { path: "/a", eq: 1 }, path: "/a" },
    { not: { not: { nonsense: 1 } } },
  ];
  it.each(MISTAKES.map((mistake) => [mistake]))("%j is refused, and would match nothing", async (mistake) => {
    await expect(
      storeSubscription(owner, tenant.organizationId, { conditions: mistake === null ? "null" : mistake }),
    ).rejects.toThrow(/conditions_are_valid/);
    expect(await holds(PAYLOAD, mistake)).toBe(false);
    expect(await holds(undefined, mistake)).toBe(false);
    expect(await holds(PAYLOAD, { all: [{ path: "/number", eq: 7 }, mistake] })).toBe(false);
  });

  it("nested too deeply are refused, whatever their depth; what is stored can be evaluated", async () => {
    for (const depth of [50, 500, 1_500]) {
      await expect(
        storeSubscription(owner, tenant.organizationId, { conditions: nested(depth) }),
      ).rejects.toThrow(/conditions_are_valid|stack depth/);
    }
    expect(await matches({ payload: { number: 7 } }, { conditions: nested(38) })).toBe(true);
  });

  it("hold as a small reference evaluator says, for any payload and condition", async () => {
    const names = fc.constantFrom("a", "b", "0", "1", "", "a/b", "c~d", "%");
    const scalars = fc.oneof(
      fc.constantFrom("a", "ab", "b", ""),
      fc.integer({ min: -3, max: 3 }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
    );
    const { payload } = fc.letrec<{ payload: unknown }>((tie) => ({
      payload: fc.oneof(
        { maxDepth: 3 },
        scalars,
        fc.array(tie("payload"), { maxLength: 3 }),
        fc.dictionary(names, tie("payload"), { maxKeys: 3 }),
      ),
    }));
    const paths = fc
      .array(names, { maxLength: 3 })
      .map((steps) => steps.map((step) => `/${step.replaceAll("~", "~0").replaceAll("/", "~1")}`).join(""));
    const operators = fc.oneof(
      fc.record({ eq: payload }),
      fc.record({ in: fc.array(payload, { maxLength: 3 }) }),
      fc.record({ exists: fc.boolean() }),
      fc.record({ prefix: fc.constantFrom("", "a", "ab") }),
      fc.record({ gt: fc.integer({ min: -3, max: 3 }) }),
      fc.record({ gte: fc.integer({ min: -3, max: 3 }) }),
      fc.record({ lt: fc.integer({ min: -3, max: 3 }), lte: fc.integer({ min: -3, max: 3 }) }),
      fc.constantFrom({}, { eqq: 1 }, { gt: "1" }),
    );
    const leaf = fc.tuple(paths, operators).map(([path, operator]) => ({ path, ...operator }));
    const { condition } = fc.letrec<{ condition: unknown }>((tie) => ({
      condition: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc.record({ all: fc.array(tie("condition"), { maxLength: 3 }) }),
        fc.record({ any: fc.array(tie("condition"), { maxLength: 3 }) }),
        fc.record({ not: tie("condition") }),
      ),
    }));
    let held = 0;
    await fc.assert(
      fc.asyncProperty(payload, condition, async (value, wanted) => {
        const { rows } = await owner.query<{ valid: boolean }>(
          "select event_condition_is_valid($1::jsonb) as valid",
          [JSON.stringify(wanted)],
        );
        expect(rows[0]?.valid).toBe(isValid(wanted));
        if (!isValid(wanted)) return;
        const expected = evaluate(value, wanted as Condition);
        if (expected) held += 1;
        expect(await holds(value, wanted)).toBe(expected);
      }),
      { numRuns: 800 },
    );
    expect(held).toBeGreaterThan(20);
  });
});

/** The reference: written apart from the SQL, over plain values. */
interface Condition {
  all?: Condition[];
  any?: Condition[];
  not?: Condition;
  path?: string;
  [operator: string]: unknown;
}

function isValid(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const { path, ...rest } = value as Condition;
  const [first, ...others] = Object.entries(value);
  for (const list of ["all", "any"]) {
    if (list in value) {
      return (
        others.length === 0 && Array.isArray(first?.[1]) && first[1].length > 0 && first[1].every(isValid)
      );
    }
  }
  if ("not" in value) return others.length === 0 && isValid(value.not);
  const fits: Record<string, (operand: unknown) => boolean> = {
    eq: () => true,
    in: Array.isArray,
    exists: (operand) => typeof operand === "boolean",
    prefix: (operand) => typeof operand === "string",
    gt: (operand) => typeof operand === "number",
    gte: (operand) => typeof operand === "number",
    lt: (operand) => typeof operand === "number",
    lte: (operand) => typeof operand === "number",
  };
  return (
    typeof path === "string" &&
    Object.keys(rest).length > 0 &&
    Object.entries(rest).every(([name, operand]) => fits[name]?.(operand) ?? false)
  );
}

function evaluate(payload: unknown, condition: Condition): boolean {
  if (condition.all !== undefined) return condition.all.every((child) => evaluate(payload, child));
  if (condition.any !== undefined) return condition.any.some((child) => evaluate(payload, child));
  if (condition.not !== undefined) return !evaluate(payload, condition.not);
  const { path = "", ...operators } = condition;
  const found = follow(payload, path);
  return Object.entries(operators).every(([operator, operand]) => {
    if (operator === "exists") return (found !== undefined) === operand;
    if (found === undefined) return false;
    if (operator === "eq") return canonical(found) === canonical(operand);
    if (operator === "in") return (operand as unknown[]).some((one) => canonical(one) === canonical(found));
    if (operator === "prefix") return typeof found === "string" && found.startsWith(operand as string);
    if (typeof found !== "number") return false;
    const limit = operand as number;
    return { gt: found > limit, gte: found >= limit, lt: found < limit, lte: found <= limit }[operator];
  });
}

function follow(payload: unknown, path: string): unknown {
  let found = payload;
  for (const raw of path.split("/").slice(1)) {
    const step = raw.replaceAll("~1", "/").replaceAll("~0", "~");
    if (Array.isArray(found)) found = /^(0|[1-9]\d*)$/.test(step) ? found[Number(step)] : undefined;
    else if (typeof found === "object" && found !== null && Object.hasOwn(found, step)) {
      found = (found as Record<string, unknown>)[step];
    } else return undefined;
  }
  return found;
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
