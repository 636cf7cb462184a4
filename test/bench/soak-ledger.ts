import { randomInt } from "node:crypto";
import { v7 as uuidv7 } from "uuid";

/** What was acknowledged, added up by the sender itself: the truth the databases are compared with. */
export interface SoakLedger {
  executions: Set<string>;
  deliveries: Set<string>;
  tokens: bigint;
  /** By the list prices below, in pico-dollars (a millionth of a micro-dollar). */
  picoUsd: bigint;
  /** Sent at all, acknowledged or not: a reader may see these. */
  begun: number;
}

export function createLedger(): SoakLedger {
  return { executions: new Set(), deliveries: new Set(), tokens: 0n, picoUsd: 0n, begun: 0 };
}

const MODEL = "claude-sonnet-4-5";
/** Pico-dollars a token, from the public list price of the model: 3, 15, 0.30, 3.75 and 6 dollars for a million. */
const PICO_USD = {
  input_tokens: 3_000_000n,
  output_tokens: 15_000_000n,
  cache_read_tokens: 300_000n,
  cache_write_5m_tokens: 3_750_000n,
  cache_write_1h_tokens: 6_000_000n,
} as const;

type Usage = Record<keyof typeof PICO_USD, number>;

export interface SoakExecution {
  id: string;
  timestamp: string;
  command: string;
  status: string;
  [field: string]: unknown;
}

const COMMANDS = ["/review src/pay.ts", "/fix the login", "please add a test for the parser", "!npm test"];
const DAY_MS = 86_400_000;

/** An ended execution of the last forty days, and what it adds to the totals. */
export function makeEnded(): { execution: SoakExecution; tokens: bigint; picoUsd: bigint } {
  const usage: Usage = {
    input_tokens: randomInt(2_000),
    output_tokens: randomInt(5_000),
    cache_read_tokens: randomInt(100_000),
    cache_write_5m_tokens: randomInt(10_000),
    cache_write_1h_tokens: randomInt(1_000),
  };
  let tokens = 0n;
  let picoUsd = 0n;
  for (const kind of [
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
  ] as const) {
    tokens += BigInt(usage[kind]);
    picoUsd += BigInt(usage[kind]) * PICO_USD[kind];
  }
  const execution = {
    id: uuidv7(),
    timestamp: new Date(Date.now() - randomInt(40 * DAY_MS)).toISOString(),
    command: COMMANDS[randomInt(COMMANDS.length)] ?? "/review",
    status: randomInt(10) === 0 ? "failed" : "completed",
    execution_time_ms: randomInt(100_000),
    model: MODEL,
    usage,
    workspace: { repository: `acme/shop-${randomInt(5)}`, branch: `work-${randomInt(20)}` },
    session: { session_id: `soak-${randomInt(200)}`, agent: "claude-code" },
  };
  return { execution, tokens, picoUsd };
}

/** The same execution as it is told before its end. */
export function asPending({ id, timestamp, command }: SoakExecution): SoakExecution {
  return { id, timestamp, command, status: "pending", model: MODEL };
}
