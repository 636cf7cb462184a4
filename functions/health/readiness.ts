import { describeError } from "../../shared/log.ts";
import { getConnectionFacts } from "../../shared/postgres/health-sessions.ts";
import { getAnalyticsConnection } from "../../shared/clickhouse/health.ts";
import type { HealthContext } from "./context.ts";

interface Readiness {
  status: "ready" | "not_ready";
  postgres: "ok" | "no_answer";
  clickhouse: "ok" | "no_answer";
}

const ANSWER_MS = 1_000;
/** Anybody may ask, so the answer holds for a moment. */
const HOLDS_MS = 500;

/** Whether both stores answer the simplest question within a second. */
export function createReadiness({ sources, log, now }: HealthContext): () => Promise<Readiness> {
  let latest: Promise<Readiness> | null = null;
  let until = 0;

  async function answers(
    name: string,
    ask: (signal: AbortSignal) => Promise<unknown>,
  ): Promise<"ok" | "no_answer"> {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const late = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(new Error("no answer in time")), { once: true });
    });
    try {
      await Promise.race([ask(signal), late]);
      return "ok";
    } catch (error) {
      log("WARNING", `${name} is not ready`, describeError(error));
      return "no_answer";
    }
  }

  async function look(): Promise<Readiness> {
    const [postgres, clickhouse] = await Promise.all([
      answers("PostgreSQL", () => getConnectionFacts(sources.pool, now)),
      answers("ClickHouse", (signal) => getAnalyticsConnection({ ...sources, signal }, now)),
    ]);
    until = now() + HOLDS_MS;
    return {
      status: postgres === "ok" && clickhouse === "ok" ? "ready" : "not_ready",
      postgres,
      clickhouse,
    };
  }

  return () => {
    if (latest === null || now() >= until) {
      // Until it has an answer, it is the one to wait for.
      until = Number.POSITIVE_INFINITY;
      latest = look();
    }
    return latest;
  };
}
