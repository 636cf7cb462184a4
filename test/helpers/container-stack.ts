import { GenericContainer, type StartedTestContainer, Wait } from "testcontainers";
import type { TestServers } from "./test-stack.ts";

const POSTGRES_IMAGE = "pgvector/pgvector:pg18";
const CLICKHOUSE_IMAGE = "clickhouse/clickhouse-server:26.7";
const PASSWORD = "local tests only";

/** The same servers as in production, from images; TEST_POSTGRES_IMAGE and TEST_CLICKHOUSE_IMAGE name others. */
export async function startContainerServers(): Promise<TestServers> {
  const started: StartedTestContainer[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((container) => container.stop()));
  };
  try {
    const postgres = await new GenericContainer(process.env["TEST_POSTGRES_IMAGE"] ?? POSTGRES_IMAGE)
      .withEnvironment({ POSTGRES_USER: "netra_owner", POSTGRES_PASSWORD: PASSWORD })
      .withCommand(["postgres", "-c", "fsync=off", "-c", "max_connections=200"])
      .withExposedPorts(5432)
      .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
      .start();
    started.push(postgres);
    const clickhouse = await new GenericContainer(process.env["TEST_CLICKHOUSE_IMAGE"] ?? CLICKHOUSE_IMAGE)
      .withEnvironment({
        CLICKHOUSE_USER: "netra",
        CLICKHOUSE_PASSWORD: PASSWORD,
        CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT: "1",
      })
      .withExposedPorts(8123)
      .withWaitStrategy(Wait.forHttp("/ping", 8123))
      .start();
    started.push(clickhouse);
    const password = encodeURIComponent(PASSWORD);
    return {
      postgresUrl: `postgres://netra_owner:${password}@${postgres.getHost()}:${postgres.getMappedPort(5432)}/postgres`,
      clickhouseUrl: `http://netra:${password}@${clickhouse.getHost()}:${clickhouse.getMappedPort(8123)}/default`,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
