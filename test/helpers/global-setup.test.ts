import { existsSync } from "node:fs";
import { expect, inject, it, onTestFinished, vi } from "vitest";
import { startOwnPostgres } from "./embedded-servers.ts";
import setUp from "./global-setup.ts";
import type { TestStack } from "./test-stack.ts";

/** What this file guards: a test run leaves nothing behind, whatever died in it. */

/** Sets a run up on given servers, as vitest does before the tests. */
async function setUpOn(databaseUrl: string): Promise<{ stack: TestStack; tearDown: () => Promise<void> }> {
  vi.stubEnv("TEST_STACK", "external");
  vi.stubEnv("TEST_DATABASE_URL", databaseUrl);
  vi.stubEnv("TEST_CLICKHOUSE_URL", inject("testStack").clickhouseUrl);
  onTestFinished(() => void vi.unstubAllEnvs());
  const provided: TestStack[] = [];
  const tearDown = await setUp({ provide: (_name, stack) => void provided.push(stack) });
  const [stack] = provided;
  if (stack === undefined) throw new Error("nothing was provided");
  return { stack, tearDown };
}

it("goes on tearing down when a database cannot be dropped any more, and tells of it", async () => {
  const postgres = await startOwnPostgres();
  onTestFinished(() => postgres.close());
  const { stack, tearDown } = await setUpOn(postgres.adminDatabaseUrl);
  expect(existsSync(stack.folder)).toBe(true);
  await postgres.stop();

  await expect(tearDown()).rejects.toThrow("ECONNREFUSED");

  expect(existsSync(stack.folder)).toBe(false);
});
