import { afterAll, beforeAll, expect, it } from "vitest";
import { countCache, listRequestCounts } from "../../../shared/metrics.ts";
import { type Health, startHealth } from "../../helpers/health.ts";
import { type Ingest, postJson, startIngest } from "../../helpers/ingest.ts";
import { makeExecution } from "../../helpers/make-execution.ts";

let health: Health;
let ingest: Ingest;
beforeAll(async () => {
  health = await startHealth();
  ingest = await startIngest({ databases: health.databases as never, tenant: health.tenant } as never);
});
afterAll(async () => {
  await ingest?.close();
  await health?.close();
});

interface Family {
  type: string;
  samples: { name: string; labels: Record<string, string>; value: number }[];
}

/** Reads OpenMetrics text strictly; throws where it is none. */
function parseOpenMetrics(text: string): Map<string, Family> {
  if (!text.endsWith("# EOF\n")) throw new Error("it does not end with # EOF");
  const families = new Map<string, Family>();
  let current: [string, Family] | null = null;
  const seen = new Set<string>();
  for (const line of text.slice(0, -"# EOF\n".length).split("\n")) {
    if (line === "") continue;
    const meta = /^# (HELP|TYPE|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line);
    if (meta !== null) {
      const [, what, name = "", rest = ""] = meta;
      const family = families.get(name) ?? { type: "unknown", samples: [] };
      if (family.samples.length > 0) throw new Error(`${name} is told of twice`);
      if (what === "TYPE") family.type = rest;
      families.set(name, family);
      current = [name, family];
      continue;
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (sample === null || current === null) throw new Error(`not a sample: ${line}`);
    const [, name = "", labelText = "", value = ""] = sample;
    const [family, { type, samples }] = current;
    const suffixes = {
      counter: ["_total", "_created"],
      gauge: [""],
      histogram: ["_bucket", "_sum", "_count"],
    }[type];
    if (suffixes?.some((suffix) => name === family + suffix) !== true)
      throw new Error(`${name} is no ${type} ${family}`);
    const labels: Record<string, string> = {};
    const left = labelText.replaceAll(
      /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)",?/g,
      (_, label: string, quoted: string) => {
        labels[label] = quoted;
        return "";
      },
    );
    if (left !== "") throw new Error(`not labels: ${labelText}`);
    const key = `${name}{${labelText}}`;
    if (seen.has(key)) throw new Error(`${key} is there twice`);
    seen.add(key);
    const number = value === "+Inf" ? Infinity : Number(value);
    if (Number.isNaN(number)) throw new Error(`not a number: ${line}`);
    samples.push({ name, labels, value: number });
  }
  return families;
}

async function scrape(): Promise<Map<string, Family>> {
  const response = await fetch(`${health.url}/metrics`);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe(
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
  );
  return parseOpenMetrics(await response.text());
}

it("tells in OpenMetrics of the checks, the pools and what the functions of this process answered", async () => {
  await postJson(ingest.url, health.tenant.key, makeExecution());
  await postJson(ingest.url, "ntr_wrong", makeExecution());
  await fetch(`${ingest.url}/no/such/path/ntr_pasted_by_mistake`);
  const families = await scrape();

  const samplesOf = (name: string): Family["samples"] => families.get(name)?.samples ?? [];
  expect(samplesOf("netra_check_status")).toContainEqual({
    name: "netra_check_status",
    labels: { check: "postgres_migrations", status: "ok" },
    value: 1,
  });
  expect(samplesOf("database_size_bytes")[0]?.value).toBeGreaterThan(1e6);
  expect(samplesOf("database_pool_utilization_percent").map(({ labels }) => labels["pool"])).toContain(
    "netra-ingest",
  );
  const requests = samplesOf("netra_requests").filter(({ labels }) => labels["function"] === "ingest");
  expect(requests.map(({ labels, value }) => [labels["route"], labels["status"], value])).toEqual(
    expect.arrayContaining([
      ["POST /v1/executions", "200", 1],
      ["POST /v1/executions", "401", 1],
      ["(other)", "404", 1],
    ]),
  );

  const duration = families.get("netra_request_duration_seconds");
  expect(duration?.type).toBe("histogram");
  const ofPosts = (duration?.samples ?? []).filter(
    ({ labels }) => labels["function"] === "ingest" && labels["route"] === "POST /v1/executions",
  );
  const buckets = ofPosts.filter(({ name }) => name.endsWith("_bucket"));
  expect(buckets.at(-1)).toMatchObject({ labels: { le: "+Inf" }, value: 2 });
  const counts = buckets.map(({ value }) => value);
  expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  expect(ofPosts.find(({ name }) => name.endsWith("_count"))?.value).toBe(2);
  expect(ofPosts.find(({ name }) => name.endsWith("_sum"))?.value).toBeGreaterThan(0);
});

function seriesOf(families: Map<string, Family>): number {
  const samples = families.get("netra_requests")?.samples ?? [];
  return samples.filter(({ labels }) => labels["function"] === "ingest").length;
}

it("has the same series however often and whatever is asked", async () => {
  const before = await scrape();
  for (let at = 0; at < 50; at += 1)
    await fetch(`${ingest.url}/path-${at}?x=${at}`, { method: at % 2 ? "PUT" : "GET" });
  const after = await scrape();
  expect(seriesOf(after)).toBe(seriesOf(before));
});

it("tells how often caches of answers had what was asked of them", async () => {
  const counts = countCache("a test");
  counts.hits += 3;
  counts.misses += 1;
  const samples = (await scrape()).get("netra_cache_requests")?.samples ?? [];
  const own = samples.filter(({ labels }) => labels["cache"] === "a test");
  expect(own.map(({ labels, value }) => [labels["result"], value])).toEqual([
    ["hit", 3],
    ["miss", 1],
  ]);
});

it("counts a failure of the function as an error", async () => {
  const away = await startIngest({
    databases: health.databases as never,
    tenant: health.tenant,
    env: { DATABASE_URL: "postgres://u:p@127.0.0.1:9/none" },
  } as never);
  try {
    const errorsOf = async (): Promise<number> =>
      (await scrape())
        .get("netra_request_errors")
        ?.samples.find(
          ({ labels }) => labels["function"] === "ingest" && labels["route"] === "POST /v1/executions",
        )?.value ?? 0;
    const before = await errorsOf();
    expect((await postJson(away.url, health.tenant.key, makeExecution())).status).toBe(503);
    expect(await errorsOf()).toBe(before + 1);
    expect(listRequestCounts().length).toBeGreaterThan(0);
  } finally {
    await away.close();
  }
});
