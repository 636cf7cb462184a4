import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { RUN_LABEL } from "./container-engine.ts";
import { startContainerServers } from "./container-stack.ts";
import { type EngineStandIn, startEngineStandIn } from "./engine-stand-in.ts";

/** What this file guards: who asks for containers and cannot have them is told what to do, and nothing stays behind. */
const ROOT = join(import.meta.dirname, "..", "..");
/** Testcontainers looks there when DOCKER_HOST does not answer. */
const engineIsHere = existsSync("/var/run/docker.sock");

describe("containers for the tests", () => {
  let engine: EngineStandIn;

  beforeAll(async () => {
    engine = await startEngineStandIn();
  });
  afterAll(() => engine.close());

  beforeEach(() => {
    vi.stubEnv("DOCKER_HOST", engine.address);
    vi.stubEnv("TESTCONTAINERS_RYUK_DISABLED", "true");
    vi.stubEnv("TEST_POSTGRES_IMAGE", "a/postgres:1");
    vi.stubEnv("TEST_CLICKHOUSE_IMAGE", "a/clickhouse:1");
  });
  afterEach(() => vi.unstubAllEnvs());

  it("of an image that cannot be had: which, why, and the variable for another", async () => {
    const starting = startContainerServers();

    await expect(starting).rejects.toThrow(
      /a\/postgres:1 cannot be had: \(HTTP code 404\).*no such manifest/,
    );
    await expect(starting).rejects.toThrow("TEST_CLICKHOUSE_IMAGE names another image");
  });

  it("that were made and do not start are removed", async () => {
    engine.images.add("a/postgres:1").add("a/clickhouse:1");

    const starting = startContainerServers();

    await expect(starting).rejects.toThrow(/A container of a\/postgres:1 did not start: .*the disk is full/);
    await expect(starting).rejects.toThrow(
      /A container of a\/clickhouse:1 did not start: .*the disk is full/,
    );
    expect(engine.made()).toBe(2);
    expect(engine.left()).toEqual([]);
  });

  it("are removed by the process that watches, when the run that held its input has ended; those of others are not", async () => {
    const make = (image: string, run: string): Promise<Response> =>
      fetch(`${engine.address.replace("tcp:", "http:")}/containers/create`, {
        method: "POST",
        body: JSON.stringify({ Image: image, Labels: { [RUN_LABEL]: run } }),
      });
    await make("a/mine:1", "mine");
    await make("a/theirs:1", "theirs");
    const watcher = spawn(process.execPath, [join(import.meta.dirname, "container-watch.ts"), "mine"], {
      stdio: ["pipe", "ignore", "inherit"],
    });

    watcher.stdin.end();

    expect(await once(watcher, "exit")).toEqual([0, null]);
    expect(engine.left()).toEqual(["a/theirs:1"]);
  });

  it.skipIf(engineIsHere)(
    "where no engine answers: a failed run with a next step (skipped beside an engine)",
    () => {
      const run = spawnSync(
        process.execPath,
        [
          join(ROOT, "node_modules", "vitest", "vitest.mjs"),
          "run",
          "test/migrations/migration-files.test.ts",
        ],
        {
          cwd: ROOT,
          encoding: "utf8",
          env: { ...process.env, TEST_STACK: "containers", DOCKER_HOST: "tcp://127.0.0.1:1" },
          timeout: 50_000,
        },
      );

      expect(run.stderr).toContain(
        "TEST_STACK=containers needs a container engine, and none answers at DOCKER_HOST=tcp://127.0.0.1:1",
      );
      expect(run.stderr).toContain("`docker info` must answer");
      expect(run.status).toBe(1);
      expect(run.stdout).not.toMatch(/\d+ passed/);
    },
  );
});
