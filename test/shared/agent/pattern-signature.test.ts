import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseCommand } from "../../../shared/agent/parse-command.ts";
import { patternSignature, shapeOf } from "../../../shared/agent/pattern-signature.ts";

const signatureOf = (command: string): string => patternSignature(shapeOf(parseCommand(command)));

const long = (end: string): string =>
  patternSignature({
    base: "/x",
    kind: "slash_command",
    agent: null,
    taskKind: "other",
    lengthClass: "s",
    components: [],
    flags: Array.from({ length: 8 }, (_, index) => `--${"f".repeat(80)}${index}${end}`),
    options: [],
    positionals: [],
  });

describe("pattern signature", () => {
  it.each([
    ["/review src/a.ts", "/Review   src/b/c.tsx lib/d.ts", "v1 /review <path>"],
    ["/fix the login is broken", '/fix "nobody can sign in"', "v1 /fix <text>"],
    ["/fix #12", "/fix ACME-907", "v1 /fix <issue>"],
    ["/deploy --env=staging --force", "/deploy --force --env=production", "v1 /deploy --force --env=<text>"],
    ["<command-name>/clear</command-name>", "/clear", "v1 /clear"],
    [
      'claude -p "/review src/a.ts" --model opus',
      "claude --model sonnet -p '/review src/zzz.ts'",
      "v1 claude> /review <path> -p --model=<text>",
    ],
    ['!git commit -m "one"', 'git  commit -m "another thing"', "v1 git commit -m=<text>"],
    ["fix the failing parser", "please fix the  broken PRINTER", "v1 prompt fix xs"],
  ])("%s and %s are one pattern", (first, second, signature) => {
    expect(signatureOf(first)).toBe(signatureOf(second));
    expect(signatureOf(first)).toBe(signature);
  });

  it.each([
    ["/review src/a.ts", "/review"],
    ["/review src/a.ts", "/test src/a.ts"],
    ["/review --deep", "/review"],
    ["fix the failing login", "explain the failing login"],
    ['claude -p "/review"', "/review"],
  ])("%s and %s are two", (first, second) => {
    expect(signatureOf(first)).not.toBe(signatureOf(second));
  });

  it("fits its column and has no line break, whatever the command", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ maxLength: 2_000, unit: "binary" }),
          fc
            .array(fc.string({ maxLength: 60 }), { maxLength: 60 })
            .map((flags) => `/x --${flags.join(" --")}`),
        ),
        (command) => {
          const signature = signatureOf(command);
          expect(signature.length).toBeLessThanOrEqual(500);
          expect(signature.startsWith("v1 ")).toBe(true);
        },
      ),
    );
  });

  it("keeps long ones apart by a digest", () => {
    expect(long("a")).toHaveLength(500);
    expect(long("a")).not.toBe(long("b"));
  });
});

const SESSIONS = join(
  process.env["NETRA_SHARED_DATA"] ?? join(import.meta.dirname, "..", "..", "..", "..", "shared", "data"),
  "cost-tables",
  "agent-sessions.jsonl",
);

// The data is not part of the project.
it.skipIf(!existsSync(SESSIONS))(
  "groups the first prompts of real sessions neither all in one nor each alone",
  () => {
    const counts = new Map<string, number>();
    for (const line of readFileSync(SESSIONS, "utf8").split("\n")) {
      const prompt: unknown = line === "" ? null : JSON.parse(line).first_prompt;
      if (typeof prompt !== "string" || prompt === "") continue;
      const signature = signatureOf(prompt);
      counts.set(signature, (counts.get(signature) ?? 0) + 1);
    }
    const sorted = [...counts].toSorted(([, a], [, b]) => b - a);
    const total = sorted.reduce((sum, [, count]) => sum + count, 0);
    const alone = sorted.filter(([, count]) => count === 1).length;
    process.stdout.write(
      `${total} first prompts in ${counts.size} patterns, ${alone} of one prompt alone; the largest:\n` +
        `${sorted
          .slice(0, 12)
          .map(([signature, count]) => `${String(count).padStart(5)}  ${signature}`)
          .join("\n")}\n`,
    );
    expect(total).toBeGreaterThan(300);
    expect(counts.size).toBeGreaterThan(30);
    expect(counts.size / total).toBeLessThan(0.4);
    expect((sorted[0]?.[1] ?? 0) / total).toBeLessThan(0.25);
    expect(alone / total).toBeLessThan(0.25);
  },
);
