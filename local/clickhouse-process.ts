import { constants, setPriority } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { openEngine } from "./clickhouse-engine.ts";
import { listenFacade } from "./clickhouse-facade.ts";

/**
 * The process of the embedded ClickHouse engine: it is started with an IPC channel, gets its orders in one message,
 * answers with its port, and ends when told so or when the channel closes because its starter is gone.
 */
const orders = z.object({
  directory: z.string(),
  port: z.int(),
  user: z.string(),
  password: z.string(),
});

export type ClickHouseOrders = z.infer<typeof orders>;

const STOP_MS = 20_000;

function ignoreTerminal(): void {
  for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
}

async function serve(message: unknown): Promise<void> {
  const { directory, port, user, password } = orders.parse(message);
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  const engine = await openEngine({ directory: join(directory, "data"), temporary: join(directory, "tmp") });
  const facade = await listenFacade({ engine, credentials: { user, password }, port });

  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), STOP_MS).unref();
    await facade.close();
    await engine.close();
    process.exit(0);
  };
  process.on("SIGTERM", () => void stop());
  process.on("disconnect", () => void stop());
  process.on("message", (order) => {
    if (order === "stop") void stop();
  });
  process.send?.({ port: facade.port });
}

ignoreTerminal();
process.once("message", (message) => {
  serve(message).catch((error: unknown) => {
    process.send?.({ error: error instanceof Error ? error.message : String(error) });
    process.exitCode = 1;
    process.disconnect();
  });
});
