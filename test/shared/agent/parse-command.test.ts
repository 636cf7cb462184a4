import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseCommand, type ParsedCommand } from "../../../shared/agent/parse-command.ts";

const JSON_BYTES_MAX = 8 * 1024;
const features = (text: string): ParsedCommand["features"] => parseCommand(text).features;

describe("parseCommand: slash commands", () => {
  it.each([
    ["/review 167", "/review"],
    ["  /Review 167", "/review"],
    ["/clear", "/clear"],
    ["/security:review https://github.com/o/r/pull/6", "/security:review"],
    ["/mcp__linear__issues open", "/mcp__linear__issues"],
    ["/überprüfen alles", "/überprüfen"],
    ["/greet\nbob", "/greet"],
    [
      "<command-message>greet</command-message>\n<command-name>/greet</command-name>\n<command-args>bob</command-args>",
      "/greet",
    ],
    [
      "<command-name>/clear</command-name>\n            <command-message>clear</command-message>\n            <command-args></command-args>",
      "/clear",
    ],
    ["<system-reminder>\nnote\n</system-reminder> /review 12", "/review"],
    [`/${"a".repeat(300)} x`, "prompt"],
  ])("finds the base of %j", (text, base) => {
    expect(parseCommand(text).base).toBe(base);
  });

  it("reads the transcript form and the plain form alike", () => {
    const transcript =
      "<command-message>greet</command-message>\n<command-name>/greet</command-name>\n<command-args>bob --loud</command-args>";
    expect(parseCommand(transcript)).toEqual(parseCommand("/greet bob --loud"));
  });

  it("sorts arguments into flags, options and positionals with what each is", () => {
    const text = `/deploy web --dry-run --region=eu-west1 --tag v1.2.3 -v src/api/*.ts #12 "two words" in the morning`;
    expect(parseCommand(text).args).toEqual({
      flags: ["--dry-run", "-v"],
      options: { region: { value: "eu-west1", type: "word" }, tag: { value: "v1.2.3", type: "version" } },
      positionals: [
        { value: "web", type: "word" },
        { value: "src/api/*.ts", type: "glob" },
        { value: "#12", type: "issue" },
        { value: "two words", type: "text" },
        { value: "in the morning", type: "text" },
      ],
    });
  });

  it.each([
    ["/usr/local/share/x is missing", "prompt"],
    ["/tmp is full", "prompt"],
    ["/", "prompt"],
    ["//", "prompt"],
    ["/123", "prompt"],
  ])("does not take the path in %j for a command", (text, base) => {
    expect(parseCommand(text).base).toBe(base);
  });
});

describe("parseCommand: command lines", () => {
  it.each([
    ["git commit -m 'fix: x'", "git commit"],
    ["git -C app status", "git status"],
    ["npm test", "npm test"],
    ["npm run build -- --watch", "npm run build"],
    ["npx vitest run", "npx vitest"],
    ["cd app && npm test | tee log", "npm test"],
    ["FOO=1 sudo docker compose up -d", "docker compose up"],
    ["gh pr create --draft", "gh pr create"],
    ["gcloud run services list", "gcloud run services list"],
    ["kubectl -n prod get pods", "kubectl get"],
    ["python -m pytest tests/", "python -m pytest"],
    ["go test ./...", "go test"],
    ["make test", "make test"],
    ["find . -name '*.ts'", "find"],
    ["./scripts/run.sh now", "run.sh"],
    ["!ls -la", "ls"],
    ["<bash-input>git status</bash-input>", "git status"],
    ["claude mcp list", "claude mcp"],
  ])("reads %j as %j", (text, base) => {
    const parsed = parseCommand(text);
    expect([parsed.base, parsed.features.kind]).toEqual([base, "shell"]);
  });

  it.each([
    "git commit the changes and push please",
    "go through the code and tidy up",
    "make the button red",
    "find the bug in agents",
    "test the login",
    "kill the daemon before exit",
    "npm install fails with an error",
    "claude is slow today",
    "watch out",
  ])("reads %j as a prompt, because people write like that", (text) => {
    expect(parseCommand(text).base).toBe("prompt");
  });

  it("keeps what a command line says in its arguments", () => {
    expect(parseCommand(`git commit -m "fix: login" --no-verify src/auth.ts`).args).toEqual({
      flags: ["--no-verify"],
      options: { m: { value: "fix: login", type: "text" } },
      positionals: [{ value: "src/auth.ts", type: "path" }],
    });
  });
});

describe("parseCommand: agents started by a command line", () => {
  it.each([
    [`claude -p "/review 12 --deep" --output-format stream-json`, "/review", "claude"],
    [`claude "fix the tests"`, "prompt", "claude"],
    ["claude -p fix the login bug --model opus", "prompt", "claude"],
    [`npx -y @anthropic-ai/claude-code@2 --print 'npm test'`, "npm test", "claude"],
    [`/usr/local/bin/claude -p '/plan x'`, "/plan", "claude"],
    [`codex exec "explain the cache"`, "prompt", "codex"],
    [`aider --message "/fix it"`, "/fix", "aider"],
  ])("parses the prompt inside %j", (text, base, agent) => {
    const parsed = parseCommand(text);
    expect([parsed.base, parsed.features.agent ?? null]).toEqual([base, agent]);
  });

  it("keeps the agent's own flags beside the prompt's arguments", () => {
    expect(parseCommand(`claude -p "/review 12 --deep" --model opus --max-turns 5`).args).toEqual({
      flags: ["-p", "--deep"],
      options: { model: { value: "opus", type: "word" }, "max-turns": { value: "5", type: "number" } },
      positionals: [{ value: "12", type: "number" }],
    });
  });
});

describe("parseCommand: features", () => {
  it.each([
    ["can you review pr 227 for me?", "review"],
    ["lint is broken, fix it", "fix"],
    ["Implement the following plan:\n\n# Fix: cache\n\nThe bug fails the tests.", "implement"],
    ["add a dark mode toggle to the settings page", "implement"],
    ["rename the Open button to Add", "refactor"],
    ["why does the build fail in CI?", "explain"],
    ["write docs for the new endpoint, update the README", "docs"],
    ["add unit tests for src/cache.ts and run the tests", "test"],
    ["commit, push and open a pr", "commit"],
    ["let's plan the migration to the new schema", "plan"],
    ["deploy it to staging", "deploy"],
    ["run the linter", "run"],
    ["/gsd:plan-phase 3", "plan"],
    ["/security:review", "review"],
    ["pytest -k cache", "test"],
    ["git push", "commit"],
    ["bitte behebe den Fehler in app.tsx", "fix"],
    ["corrige le bug dans la page de connexion", "fix"],
    ["修复登录错误", "fix"],
    ["この関数を説明してください", "explain"],
    ["hi", "other"],
    ["😀", "other"],
  ])("takes %j for the task %j", (text, task) => {
    expect(features(text).task_kind).toBe(task);
  });

  it("names paths, languages and the components they belong to", () => {
    expect(
      features(
        "In `packages/agents/src/run.ts:12` and @migrations/001_init.sql the websocket drops; see src/agents/run.py",
      ),
    ).toMatchObject({
      paths: ["packages/agents/src/run.ts", "migrations/001_init.sql", "src/agents/run.py"],
      languages: ["typescript", "sql", "python"],
      affects_components: ["agents", "migrations", "websocket"],
    });
  });

  it("finds components in words as well, and not in somebody's home folder", () => {
    expect(features("fix the agent login").affects_components).toEqual(["agents", "auth"]);
    expect(features("open /Users/bob/home/ada/shop/checkout/cart.go").affects_components).toEqual([
      "shop",
      "checkout",
    ]);
  });

  it("counts what is mentioned", () => {
    expect(
      features(
        "ABC-12 and #7: https://github.com/o/r/issues/3, https://x.example/ in src/a.ts src/b.ts since 6f1e8a2",
      ).mentions,
    ).toEqual({ files: 2, urls: 2, issues: 3, commits: 1 });
  });

  it.each([
    ["fix it", "xs"],
    ["please fix the login bug on the start page", "s"],
    ["word ".repeat(60), "m"],
    ["word ".repeat(250), "l"],
    ["word ".repeat(301), "xl"],
    ["x".repeat(65_536), "xl"],
  ])("gives a length class (%#)", (text, length) => {
    expect(features(text).length_class).toBe(length);
  });

  it("sees code blocks and their language, pasted output, plans and questions", () => {
    expect(features("look:\n```rust\nfn main() {}\n```")).toMatchObject({
      has_code_block: true,
      languages: ["rust"],
    });
    expect(features("this fails:\nError: x\n    at run (/app/a.js:3:9)\n")).toMatchObject({
      has_pasted_output: true,
    });
    expect(features("Implement the following plan:\n\n# A")).toMatchObject({ has_plan: true, lines: 3 });
    expect(features("is it done?")).toMatchObject({ is_question: true });
  });

  it("leaves out what is false, zero or empty", () => {
    const always = ["kind", "length_class", "lines", "task_kind", "version", "words"];
    expect(Object.keys(features("do it.")).toSorted()).toEqual(always);
    expect(features("see src/a.ts").mentions).toEqual({ files: 1 });
  });

  it("skips the context that editors and agents put before a prompt", () => {
    const wrapped = "<ide_opened_file>The user opened src/secret/x.ts</ide_opened_file> commit it";
    expect(parseCommand(wrapped)).toEqual(parseCommand("commit it"));
  });

  it("knows notices of the agent from what people ask", () => {
    expect(features("[Request interrupted by user for tool use]").kind).toBe("notification");
    expect(features("<task-notification>\n<task-id>a</task-id>").kind).toBe("notification");
  });
});

const pieces = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 20 }),
      fc.constantFrom(
        "/",
        "/a:b ",
        "--",
        "-x ",
        "--a=b ",
        '"',
        "'",
        "\\",
        " ",
        "\n",
        "```ts\n",
        "<command-name>",
        "</command-name>",
        "<command-args>",
      ),
      fc.constantFrom(
        "claude -p ",
        "git ",
        "npm run ",
        "cd x && ",
        "FOO=1 ",
        "!",
        "src/a.ts ",
        "#1 ",
        "__proto__ ",
        "--__proto__=1 ",
        "--constructor=1 ",
        "\u0000",
        "\ud800",
        "日本",
        "…",
      ),
      fc.constantFrom(
        "x".repeat(300),
        "é".repeat(300),
        "a/".repeat(150),
        "-a ".repeat(100),
        "\u0001".repeat(90),
        '"\\'.repeat(90),
      ),
    ),
    { maxLength: 40 },
  )
  .map((all) => all.join(""));

describe("properties of parseCommand", () => {
  it("gives some answer of at most 8 KiB to any text, the same each time", () => {
    fc.assert(
      fc.property(pieces, (text) => {
        const parsed = parseCommand(text);
        expect(parsed.base.length).toBeGreaterThan(0);
        expect(parsed.base.length).toBeLessThanOrEqual(100);
        expect(Buffer.byteLength(JSON.stringify(parsed))).toBeLessThanOrEqual(JSON_BYTES_MAX);
        expect(parseCommand(text)).toEqual(parsed);
      }),
      { numRuns: 2_000 },
    );
  });

  it("splits no character in two when it cuts", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 150, maxLength: 400 }), (text) => {
        const json = JSON.stringify(parseCommand(`/x "${text}" --o="${text}😀${text}"`));
        expect(json.isWellFormed() && !/\\ud[89a-f]/i.test(json)).toBe(true);
      }),
    );
  });

  it.each([
    "x",
    "x ",
    "é",
    "日",
    "😀",
    "-a ",
    "--a=b ",
    "a/",
    "src/a.ts ",
    '"',
    "'",
    "\\",
    "* ",
    "<",
    "A-1 ",
    "\n at x:1:",
    "```\n",
    "?\n",
    ".a",
  ])("gets through 64 KiB of %j", (fragment) => {
    const text = fragment.repeat(Math.floor(65_536 / fragment.length));
    for (const start of ["", "/x ", "git commit ", "claude -p ", "<system-reminder>"]) {
      expect(Buffer.byteLength(JSON.stringify(parseCommand(start + text)))).toBeLessThanOrEqual(
        JSON_BYTES_MAX,
      );
    }
  });
});
