import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { generateDemo } from "../../../local/demo.ts";
import { executionInput, LIMITS } from "../../../shared/agent/execution.ts";
import { readExecution } from "../../../shared/agent/read-execution.ts";
import { makeExecution } from "../../helpers/make-execution.ts";

/** What this file guards: the short way of reading an execution takes nothing the schema refuses, and makes the same of it. */
const REQUEST = {
  id: "req_1",
  model: "claude-sonnet-4-5",
  timestamp: "2026-11-06T02:34:23+01:00",
  usage: { input_tokens: 1, output_tokens: 2 },
  speed: "fast",
  inference_geo: "us",
  web_search_requests: 3,
};
const FULL = {
  ...makeExecution({ timestamp: "2026-11-06T02:34:23.401Z" }),
  error_message: "Ended",
  batch_id: "01a1aeb5-0d29-781e-ac91-d99d507de33f",
  execution_sequence: 0,
  requests: [REQUEST],
  reported_cost_usd: 0.25,
  output: { lines: 3, files: ["a"], deep: { b: [1] } },
  source: "import",
};

/** Values at the edges of what the fields take. */
const EDGES: readonly unknown[] = [
  null,
  undefined,
  true,
  "",
  "a",
  "2026-02-30T00:00:00Z",
  "2026-11-06T02:34:23",
  "pending",
  "otlp",
  ...[20, 100, 200, 300, 2_048, 8_192].flatMap((chars) => ["x".repeat(chars), "x".repeat(chars + 1)]),
  "x".repeat(LIMITS.commandBytesMax),
  "x".repeat(LIMITS.commandBytesMax + 1),
  "\u{20ac}".repeat(LIMITS.commandBytesMax / 3),
  "\u{1f600}".repeat(160),
  -1,
  -0,
  0.5,
  NaN,
  Infinity,
  100_001,
  1_000_000.5,
  1e10,
  1e10 + 1,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 53,
  [],
  {},
  [REQUEST],
  [{ ...REQUEST, usage: {} }],
  { input_tokens: 1, output_tokens: 2 },
  { ["x".repeat(101)]: 1 },
  Object.fromEntries(Array.from({ length: 41 }, (_, index) => [`f${index}`, index])),
  Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`f${index}`, "x".repeat(2_000)])),
  JSON.parse('{"__proto__": {"a": 1}}'),
];

describe("readExecution", () => {
  it("reads what clients send without asking the schema", () => {
    expect(readExecution(FULL)).not.toBeNull();
    const demo = generateDemo({ seed: "read", now: new Date("2026-11-20T12:00:00Z"), weeks: 1 });
    for (const execution of demo) {
      expect(readExecution(execution)).toEqual(executionInput.parse(execution));
    }
  });

  it("leaves to the schema whatever it would refuse, and otherwise makes the same of it", () => {
    const place = fc.constantFrom<(string | number)[]>(
      ...Object.keys(FULL).map((name) => [name]),
      ["misspelt"],
      ["__proto__"],
      ...Object.keys(REQUEST).map((name) => ["requests", 0, name]),
      ["requests", 0, "misspelt"],
      ...["input_tokens", "cache_read_tokens", "cache_write_1h_tokens", "misspelt"].flatMap((name) => [
        ["usage", name],
        ["requests", 0, "usage", name],
      ]),
      ...["repository", "commit", "pull_request", "own", "__proto__"].map((name) => ["workspace", name]),
      ...["session_id", "agent", "agent_version", "own", "__proto__"].map((name) => ["session", name]),
      ["output", "usage"],
      ["output", "__proto__"],
    );
    let read = 0;
    let refused = 0;
    const changes = fc.array(fc.tuple(place, fc.oneof(fc.constantFrom(...EDGES), fc.jsonValue())), {
      maxLength: 3,
    });
    fc.assert(
      fc.property(changes, (changed) => {
        const value = structuredClone(FULL);
        for (const [path, edge] of changed) put(value, path, structuredClone(edge));
        const execution = readExecution(value);
        if (execution === null) refused += 1;
        else read += 1;
        const parsed = executionInput.safeParse(value);
        expect({ execution, issues: null }).toEqual({
          execution: execution === null ? null : parsed.data,
          issues: execution === null ? null : (parsed.error?.issues ?? null),
        });
      }),
      { numRuns: 5_000 },
    );
    expect(Math.min(read, refused)).toBeGreaterThan(500);
  });

  it.each<[string, unknown]>([
    ["no object", "x"],
    ["a list", [FULL]],
    ["a field nobody knows", { ...FULL, comand: "x" }],
    ["a member named __proto__", JSON.parse('{"__proto__": {"id": "x"}}')],
    ["no id", { ...FULL, id: undefined }],
  ])("does not read %s", (_what, value) => {
    expect(readExecution(value)).toBeNull();
  });
});

/** Sets a member, also one named __proto__, where the path leads to an object. */
function put(root: unknown, path: readonly (string | number)[], value: unknown): void {
  let at = root;
  for (const step of path.slice(0, -1))
    at = (at as Record<string | number, unknown> | null | undefined)?.[step];
  if (typeof at !== "object" || at === null) return;
  const name = path.at(-1) ?? "";
  Object.defineProperty(at, name, { value, enumerable: true, configurable: true, writable: true });
}
