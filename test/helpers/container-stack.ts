import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { GenericContainer, type StartedTestContainer, Wait } from "testcontainers";
import { askContainerEngine, removeContainer, RUN_LABEL } from "./container-engine.ts";
import type { TestServers } from "./test-stack.ts";

/*
 * The same servers as in production, from images. The images can be named by TEST_POSTGRES_IMAGE and TEST_CLICKHOUSE_IMAGE,
 * the engine and everything else by the variables of testcontainers (DOCKER_HOST, TESTCONTAINERS_…).
 */

const POSTGRES_IMAGE = "pgvector/pgvector:pg18";
const CLICKHOUSE_IMAGE = "clickhouse/clickhouse-server:26.7";
const PASSWORD = "local tests only";
const START_MS = 120_000;
const LAST_LINES = 12;

/** One PostgreSQL and one ClickHouse server for the run, in containers of its own on ports the engine chooses. */
export async function startContainerServers(): Promise<TestServers> {
  await askContainerEngine();
  const run = randomUUID();
  // Otherwise testcontainers has a container of its own do that.
  if (process.env["TESTCONTAINERS_RYUK_DISABLED"] === "true") watchRun(run);
  const [postgres, clickhouse] = await Promise.allSettled([startPostgres(run), startClickHouse(run)]);
  const stop = async (): Promise<void> => {
    const started = [postgres, clickhouse].flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const left = (await Promise.allSettled(started.map((one) => one.stop()))).flatMap(reasonOf);
    if (left.length > 0) throw new AggregateError(left, "containers of the tests were not removed");
  };
  if (postgres.status === "rejected" || clickhouse.status === "rejected") {
    await stop();
    const reasons = [postgres, clickhouse].flatMap(reasonOf);
    const texts = reasons.map((reason) => (reason instanceof Error ? reason.message : String(reason)));
    throw new AggregateError(reasons, ["the test servers did not start", ...texts].join("\n"));
  }
  return {
    postgresUrl: addressOf(
      postgres.value,
      { scheme: "postgres", user: "netra_owner", port: 5432 },
      "postgres",
    ),
    clickhouseUrl: addressOf(clickhouse.value, { scheme: "http", user: "netra", port: 8123 }, "default"),
    stop,
  };
}

function startPostgres(run: string): Promise<StartedTestContainer> {
  const image = process.env["TEST_POSTGRES_IMAGE"] ?? POSTGRES_IMAGE;
  return start(run, "TEST_POSTGRES_IMAGE", image, (container) =>
    container
      .withEnvironment({ POSTGRES_USER: "netra_owner", POSTGRES_PASSWORD: PASSWORD })
      .withCommand([
        "postgres",
        ...["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200"].flatMap(
          (setting) => ["-c", setting],
        ),
      ])
      // Queries that run in parallel share memory there, and an engine gives 64 MB of it.
      .withSharedMemorySize(512 * 1024 * 1024)
      .withExposedPorts(5432)
      // The first time it is ready for nobody but the script that makes its database.
      .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2)),
  );
}

function startClickHouse(run: string): Promise<StartedTestContainer> {
  const image = process.env["TEST_CLICKHOUSE_IMAGE"] ?? CLICKHOUSE_IMAGE;
  return start(run, "TEST_CLICKHOUSE_IMAGE", image, (container) =>
    container
      .withEnvironment({
        CLICKHOUSE_USER: "netra",
        CLICKHOUSE_PASSWORD: PASSWORD,
        CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT: "1",
      })
      .withExposedPorts(8123)
      .withWaitStrategy(Wait.forHttp("/ping", 8123)),
  );
}

async function start(
  run: string,
  variable: string,
  image: string,
  describe: (container: GenericContainer) => GenericContainer,
): Promise<StartedTestContainer> {
  const lines: string[] = [];
  const container = new OwnContainer(image);
  describe(container)
    .withLabels({ [RUN_LABEL]: run })
    .withStartupTimeout(START_MS)
    .withLogConsumer((log) => keepLastLines(log, lines));
  try {
    return await container.start();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.trim() : String(cause);
    if (container.id === null) {
      throw new Error(
        `${image} cannot be had: ${reason}\n\`docker pull ${image}\` tells more; ${variable} names another image.`,
        { cause },
      );
    }
    await removeContainer(await askContainerEngine(), container.id);
    const said = lines.length === 0 ? "It said nothing." : `It said last:\n${lines.join("\n")}`;
    throw new Error(`A container of ${image} did not start: ${reason}\n${said}`, { cause });
  }
}

/** Testcontainers leaves one behind that was made and could not be started. */
class OwnContainer extends GenericContainer {
  id: string | null = null;

  protected override async containerCreated(id: string): Promise<void> {
    this.id = id;
  }
}

/** Removes the run's containers when this process ends in whatever way. */
function watchRun(run: string): void {
  const program = fileURLToPath(new URL("container-watch.ts", import.meta.url));
  const watcher = spawn(process.execPath, [program, run], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  watcher.unref();
  if ("unref" in watcher.stdin && typeof watcher.stdin.unref === "function") watcher.stdin.unref();
}

function keepLastLines(log: Readable, lines: string[]): void {
  log.on("data", (chunk: Buffer | string) => {
    lines.push(...String(chunk).trimEnd().split("\n"));
    lines.splice(0, lines.length - LAST_LINES);
  });
}

function reasonOf(result: PromiseSettledResult<unknown>): unknown[] {
  return result.status === "rejected" ? [result.reason] : [];
}

function addressOf(
  container: StartedTestContainer,
  { scheme, user, port }: { scheme: string; user: string; port: number },
  database: string,
): string {
  const place = `${container.getHost()}:${container.getMappedPort(port)}`;
  return `${scheme}://${user}:${encodeURIComponent(PASSWORD)}@${place}/${database}`;
}
