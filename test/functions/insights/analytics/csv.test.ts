import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prefersCsv } from "../../../../functions/insights/analytics/accept.ts";
import { toCsv } from "../../../../shared/csv.ts";
import { type Insights, startInsights } from "../../../helpers/insights.ts";
import { makeExecution } from "../../../helpers/make-execution.ts";
import { askAnalytics } from "./ask.ts";

const REPOSITORIES = ["=1+1", "a,b", 'say "hi"', "two\nlines", "-plain", "@cmd", "ok"];

/** A reader of RFC 4180, for what a spreadsheet would see. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, plain = "", end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    row.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === ",") continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

describe("the table", () => {
  it("leaves numbers as they are and nothing where nothing is known", () => {
    const rows = [{ key: "-0.5", n: -3, usd: "-0.000000000001", none: null }];
    expect(toCsv(["key", "n", "usd", "none"], rows)).toBe("key,n,usd,none\r\n-0.5,-3,-0.000000000001,\r\n");
  });

  it.each(["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", " =1", "＝1", "\r\n=1", "-", "+49 30", "\u00a0=1"])(
    "does not let a spreadsheet take %j for a formula",
    (text) => {
      expect(parseCsv(toCsv(["key"], [{ key: text }]))).toEqual([["key"], [`'${text}`]]);
    },
  );

  it("can be read again whatever the texts are", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.string({ unit: "binary" }), { minLength: 2, maxLength: 2 })),
        (made) => {
          const rows = made.map(([a = "", b = ""]) => ({ a: `x${a}`, b: `x${b}` }));
          expect(parseCsv(toCsv(["a", "b"], rows))).toEqual([["a", "b"], ...rows.map(({ a, b }) => [a, b])]);
        },
      ),
    );
  });
});

describe("which form is wanted", () => {
  it.each([
    [undefined, false],
    ["*/*", false],
    ["text/csv", true],
    ["application/json, text/csv", false],
    ["text/csv, application/json;q=0.5", true],
    ["text/csv;q=0", false],
    ["text/html, TEXT/CSV; q=0.9, */*;q=0.1", true],
  ])("%s", (accept, isCsv) => {
    expect(prefersCsv(accept)).toBe(isCsv);
  });
});

describe("over HTTP", () => {
  let insights: Insights;

  beforeAll(async () => {
    insights = await startInsights();
    await insights.store(REPOSITORIES.map((repository) => makeExecution({ workspace: { repository } })));
    await insights.store([makeExecution({ model: null, usage: null, workspace: null })]);
  });
  afterAll(() => insights?.close());

  const fetchCsv = (path: string, accept = "*/*") =>
    fetch(`${insights.url}${path}`, {
      headers: { authorization: `Bearer ${insights.tenant.key}`, accept },
    });

  it("gives the rows of the JSON answer, page by page", async () => {
    const json = await askAnalytics(insights, "repositories", { order: "key" });
    const names = Object.keys(json.body.rows[0] ?? {});
    const seen: string[][] = [];
    let query = "order=key&limit=3&format=csv";
    for (let page = 0; page < 10; page += 1) {
      const response = await fetchCsv(`/v1/analytics/repositories?${query}`);
      expect(response.headers.get("content-type")).toBe("text/csv; charset=utf-8; header=present");
      expect(response.headers.get("content-disposition")).toContain("netra-repositories.csv");
      expect(response.headers.get("x-netra-groups")).toBe("8");
      const [titles, ...rows] = parseCsv(await response.text());
      expect(titles).toEqual(names);
      seen.push(...rows);
      const token = response.headers.get("x-netra-next-page-token");
      if (token === null) break;
      query = `limit=3&format=csv&page_token=${token}`;
    }
    const expected = json.body.rows.map((row) => names.map((name) => String(row[name] ?? "")));
    expect(seen.map((row) => row.map((field) => field.replace(/^'/, "")))).toEqual(expected);
    expect(seen.map(([key]) => key)).toContain("'=1+1");
    expect(seen.at(-1)?.[0]).toBe("");
  });

  it("goes by the Accept header when the address does not say", async () => {
    const csv = await fetchCsv("/v1/analytics/costs", "text/csv");
    expect(csv.headers.get("content-type")).toContain("text/csv");
    expect(csv.headers.get("vary")).toBe("accept");
    const json = await fetchCsv("/v1/analytics/costs?format=json", "text/csv");
    expect(json.headers.get("content-type")).toBe("application/json");
  });
});
