import { describe, expect, it } from "vitest";
import { valueType } from "../../../shared/agent/value-type.ts";

describe("valueType", () => {
  it.each([
    [
      "path",
      "src/agents/run.ts ./build ../x ~/.config/a /etc/hosts C:\\work\\a.cs README.md .gitignore Makefile @docs/a.md",
    ],
    [
      "path",
      "cmd/entire/cli/e2e_test app/[id]/page.tsx common.go:296 src/a.ts:12:5 src/a.ts#L10-L20 tests/ . @src/x",
    ],
    ["url", "https://github.com/o/r/pull/2 http://localhost:8080/x ssh://git@host/r postgres://h/db"],
    ["number", "167 -3 0.5 80% +12"],
    ["uuid", "123e4567-e89b-42d3-a456-426614174000"],
    ["sha", "6f1e8a2 6f1e8a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f"],
    ["issue", "ABC-123 #12 acme/widget#7"],
    ["version", "v1.2.3 1.2.3 v20 ^4.1.0 2.0.0-rc.1"],
    ["glob", "*.ts src/**/*.test.ts **/node_modules *"],
    ["id", "toolu_01AYKoTUEfoBSUjLzs1SY"],
    ["secret", "[masked:github-token]"],
    [
      "word",
      "bob and/or read/write CI/CD he/she node.js Next.js e.g. UTF-8 SHA-256 deadbeef decade v2x docs.example.io opus a@b.com",
    ],
  ] as const)("recognises each %s", (type, words) => {
    for (const word of words.split(" ")) expect({ word, type: valueType(word) }).toEqual({ word, type });
  });
});
