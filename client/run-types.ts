import type { ExecutionInput } from "../shared/agent/execution.ts";
import type { DisplayOptions } from "./agent/display.ts";
import type { Environment } from "./command.ts";
import type { Connection } from "./connection.ts";
import type { Delivery } from "./deliver.ts";
import type { SpoolLimits } from "./spool.ts";

export interface ClientOptions {
  /** Where records go; null keeps them on disk. By default what the environment and connection.json say. */
  readonly connection?: Connection | null;
  readonly env?: Environment;
  /** Folder of the spool and of what is remembered about sessions. */
  readonly stateFolder?: string;
  /** The agent a prompt is given to; `claude` on the path by default. */
  readonly program?: string;
  /** Told what a person should know: the server is away, records wait on disk. Never holds a command or a key. */
  readonly onNotice?: (message: string) => void;
  /** Keep a small process beside each run that closes its record when this process is killed. On by default. */
  readonly guardian?: boolean;
  /** How much may wait on disk. */
  readonly spoolLimits?: Partial<SpoolLimits>;
  /** Longest time to send a record that is ready, before it is kept on disk. */
  readonly sendDeadlineMs?: number;
}

export interface RunOptions extends DisplayOptions {
  /** More arguments for the default agent, such as `--resume` with a session's id. */
  readonly agentArgs?: readonly string[];
  readonly cwd?: string;
  readonly env?: Environment;
  readonly timeoutMs?: number;
  /** Time between asking the agent to end and ending it; 5 seconds by default. */
  readonly graceMs?: number;
  readonly signal?: AbortSignal;
  /** Pass SIGINT, SIGTERM and SIGHUP of this process on to the agent and record the run; true by default. */
  readonly forwardSignals?: boolean;
  readonly batchId?: string;
  readonly executionSequence?: number;
  /** Hand our own standard input on to the agent. */
  readonly inheritStdin?: boolean;
}

export interface RunResult {
  readonly id: string;
  readonly status: "completed" | "failed" | "timeout";
  /** What a shell would see: the agent's exit code, or 128 and the number of the signal that ended it. */
  readonly exitCode: number;
  readonly errorMessage: string | null;
  /** The agent's final words, where it said them in a format we read. */
  readonly text: string | null;
  /** The record as it was sent. */
  readonly execution: ExecutionInput;
  readonly delivery: Delivery;
}
