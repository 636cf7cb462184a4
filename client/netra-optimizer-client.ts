import { performance } from "node:perf_hooks";
import { v7 as uuidv7 } from "uuid";
import type { ExecutionInput } from "../shared/agent/execution.ts";
import type { AgentCommand } from "./agent/agent-command.ts";
import { claudeCommand, describeArgv } from "./agent/agent-command.ts";
import { createDisplay } from "./agent/display.ts";
import { createLineReader } from "./agent/lines.ts";
import { readLine } from "./agent/messages.ts";
import type { Observer } from "./agent/observe.ts";
import { createObserver } from "./agent/observe.ts";
import type { RunFacts } from "./agent/run-record.ts";
import { endedRecord, runningRecord } from "./agent/run-record.ts";
import type { Lineage } from "./agent/run-totals.ts";
import { findSessionTotals, pruneSessionTotals, rememberSessionTotals } from "./agent/session-totals.ts";
import type { Environment } from "./command.ts";
import type { Connection } from "./connection.ts";
import { findConnection } from "./connection.ts";
import { NOTHING_SENT } from "./ingest-answer.ts";
import type { Delivery } from "./deliver.ts";
import { deliverExecutions, flushSpool } from "./deliver.ts";
import { startGuardian } from "./guardian.ts";
import { createPending, finishOrphans } from "./pending.ts";
import type { PendingRun } from "./pending.ts";
import { noteRun, pruneRunNotes } from "./run-notes.ts";
import { runProcess } from "./run-process.ts";
import type { ClientOptions, RunOptions, RunResult } from "./run-types.ts";
import { sendableCommand } from "./sendable-text.ts";
import { sendExecutions } from "./send.ts";
import type { Spool } from "./spool.ts";
import { openSpool, SpoolFullError, targetOf } from "./spool.ts";
import { stateDir } from "./state-dir.ts";
import { readCommit, readWorkspace, withCommitAfter } from "./workspace.ts";

const TIMER_MAX_MS = 2_147_483_647;
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };
const LIMITS = {
  sendMs: 10_000,
  sendAttempts: 4,
  requestMs: 5_000,
  leftoverMs: 5_000,
  leftoverBatches: 50,
  beatMs: 5_000,
};

const NO_PENDING: PendingRun = { write: () => {}, remove: () => {} };

/**
 * The single entry point for running a coding agent: runs it, measures it and puts it into the ledger. Runs on Node 24
 * from a checkout, by its path or as "netra" after `npm install ../netra`, which links it: no types are stripped in a copy.
 */
export class NetraOptimizerClient {
  readonly #options: ClientOptions;
  readonly #env: Environment;
  readonly #stateFolder: string;
  readonly #spool: Spool;
  readonly #connection: Connection | null;

  constructor(options: ClientOptions = {}) {
    this.#options = options;
    this.#env = options.env ?? process.env;
    this.#stateFolder = options.stateFolder ?? stateDir(this.#env);
    this.#spool = openSpool(this.#stateFolder, options.spoolLimits);
    this.#connection =
      options.connection === undefined
        ? findConnection({ env: this.#env, cwd: process.cwd() }, "ingest")
        : options.connection;
  }

  /**
   * Runs a prompt with the default agent, or any command line given as an array, to its end. The run is in the ledger
   * or on disk when this returns; it is not lost when this process, the agent or the server is killed meanwhile.
   * Throws UsageError for an empty command.
   */
  async run(command: string | readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const agent = this.#agentOf(command, options);
    const cwd = options.cwd ?? process.cwd();
    const env = options.env ?? this.#env;
    this.#attempt("an earlier run could not be closed", undefined, () => {
      finishOrphans(this.#stateFolder, this.#spool);
    });
    const start = await this.#startRecord(agent, cwd, env, options);
    const target = this.#connection === null ? null : targetOf(this.#connection);
    const pending = this.#attempt("the run cannot be noted on disk", NO_PENDING, () =>
      createPending(this.#stateFolder, start, target),
    );
    const guardian =
      this.#options.guardian === false ? null : startGuardian(this.#stateFolder, this.#connection, this.#env);
    const announced = new AbortController();
    const announcement = this.#announce(start, announced.signal);
    try {
      const ended = await this.#execute(agent, start, pending, options, {
        cwd,
        env,
        onStarted: (pid) => guardian?.watch(pid),
      });
      const endedMs = Date.now();
      const commitAfter = await readCommit(cwd, env);
      const execution = withCommitAfter(ended.execution, commitAfter);
      this.#attempt("the record cannot be written to disk", undefined, () => pending.write(execution, true));
      this.#attempt("an import may count this run again", undefined, () =>
        noteRun(this.#stateFolder, execution, endedMs, target),
      );
      announced.abort();
      await announcement;
      const delivery = await this.#deliver(execution);
      if (delivery.kept) pending.remove();
      await this.#sendLeftovers(delivery);
      return { ...ended, id: start.id, execution, delivery };
    } finally {
      announced.abort();
      guardian?.dismiss();
    }
  }

  #agentOf(command: string | readonly string[], options: RunOptions): AgentCommand {
    if (typeof command !== "string") return describeArgv([...command, ...(options.agentArgs ?? [])]);
    return claudeCommand(this.#options.program ?? "claude", command, options.agentArgs ?? []);
  }

  async #startRecord(
    agent: AgentCommand,
    cwd: string,
    env: Environment,
    options: RunOptions,
  ): Promise<ExecutionInput> {
    const parent = env["NETRA_EXECUTION_ID"];
    return {
      id: uuidv7(),
      timestamp: new Date().toISOString(),
      command: sendableCommand(agent.command),
      status: "pending",
      source: "client",
      workspace: await readWorkspace(cwd, env),
      session: {
        agent: agent.agent.slice(0, 100),
        ...(parent === undefined || parent === "" ? {} : { parent_execution_id: parent.slice(0, 100) }),
      },
      ...(options.batchId === undefined ? {} : { batch_id: options.batchId }),
      ...(options.executionSequence === undefined ? {} : { execution_sequence: options.executionSequence }),
    };
  }

  async #execute(
    agent: AgentCommand,
    start: ExecutionInput,
    pending: PendingRun,
    options: RunOptions,
    place: { cwd: string; env: Environment; onStarted: (pid: number) => void },
  ): Promise<Pick<RunResult, "status" | "exitCode" | "errorMessage" | "text" | "execution">> {
    const observer = createObserver(Date.now);
    const display = createDisplay(agent, options);
    let isNamed = false;
    const reader = createLineReader((line) => {
      const reading = readLine(line);
      if (reading.kind === "messages") {
        for (const message of reading.messages) {
          observer.add(message);
          if (!isNamed && observer.observation.sessionId !== null) {
            isNamed = true;
            keepAlive(pending, factsNow);
          }
          display.message(message);
        }
      } else if (reading.kind === "no-json") display.plain(`${line}\n`);
    });
    const startedAt = performance.now();
    const factsNow = (): RunFacts => ({
      start,
      agent,
      observation: observer.observation,
      lineage: this.#lineage(agent, observer),
      elapsedMs: performance.now() - startedAt,
      linesSkipped: reader.skipped,
    });
    const beat = setInterval(() => keepAlive(pending, factsNow), LIMITS.beatMs);
    try {
      const end = await runProcess({
        argv: agent.argv,
        cwd: place.cwd,
        env: { ...place.env, NETRA_EXECUTION_ID: start.id },
        inheritStdin: options.inheritStdin ?? false,
        timeoutMs: options.timeoutMs === undefined ? null : Math.min(options.timeoutMs, TIMER_MAX_MS),
        graceMs: Math.min(options.graceMs ?? 5_000, TIMER_MAX_MS),
        forwardSignals: options.forwardSignals ?? true,
        signal: options.signal,
        onStdout: (chunk) => {
          reader.push(chunk);
          return display.bytes(chunk);
        },
        onStderr: (chunk) => display.stderr(chunk),
        onStarted: place.onStarted,
      });
      reader.end();
      await display.flush();
      const { execution, totals } = endedRecord(factsNow(), end);
      const { sessionId, result } = observer.observation;
      if (sessionId !== null) {
        this.#attempt("the session's totals cannot be kept", undefined, () =>
          rememberSessionTotals(this.#stateFolder, sessionId, totals.reported),
        );
      }
      const status =
        execution.status === "completed" || execution.status === "timeout" ? execution.status : "failed";
      const stopped = end.stoppedBy ?? end.signal;
      return {
        status,
        execution,
        exitCode: end.exitCode ?? 128 + (SIGNAL_NUMBERS[stopped ?? ""] ?? 0),
        errorMessage: execution.error_message ?? null,
        text: result?.result ?? null,
      };
    } finally {
      clearInterval(beat);
    }
  }

  #lineage(agent: AgentCommand, observer: Observer): Lineage {
    const { sessionId } = observer.observation;
    const before = agent.resumedSession ?? sessionId;
    const totals = before === null ? null : findSessionTotals(this.#stateFolder, before);
    return { resumed: agent.resumed || totals !== null, before: totals };
  }

  /** Lets the ledger know that something is running. Its failure matters to nobody: the record is on disk. */
  async #announce(start: ExecutionInput, signal: AbortSignal): Promise<void> {
    if (this.#connection === null) return;
    const { requestMs } = LIMITS;
    const limits = { timeoutMs: requestMs, deadlineMs: requestMs, attemptsMax: 1, signal };
    await sendExecutions(this.#connection, [start], limits).catch(() => {});
  }

  /** `kept` is false when the spool has no room: the pending file is then what keeps the record. */
  async #deliver(execution: ExecutionInput): Promise<Delivery & { kept: boolean }> {
    const { requestMs, sendMs, sendAttempts } = LIMITS;
    const deadlineMs = this.#options.sendDeadlineMs ?? sendMs;
    const limits = { timeoutMs: requestMs, deadlineMs, attemptsMax: sendAttempts };
    let delivery: Delivery;
    try {
      delivery = await deliverExecutions(this.#spool, this.#connection, [execution], limits);
    } catch (error) {
      const reason = messageOf(error);
      const rest =
        error instanceof SpoolFullError ? "stays beside the spool until there is room" : "may be lost";
      this.#notice(`${reason} The record of this run ${rest}.`);
      return { answer: NOTHING_SENT, spooled: 0, reason, kept: false };
    }
    if (delivery.reason !== null) {
      this.#notice(`${delivery.reason}; the record waits on disk, and the next run or netra flush sends it`);
    }
    for (const { errors } of delivery.answer.rejected) {
      const reasons = errors.map(({ pointer, detail }) => `${pointer} ${detail}`.trim()).join("; ");
      this.#notice(`the server rejected the record (${reasons}); it is in ${this.#spool.folder}/rejected`);
    }
    return { ...delivery, kept: true };
  }

  /** The server is there: what earlier runs left on disk can go too. */
  async #sendLeftovers(delivery: Delivery): Promise<void> {
    if (this.#connection === null || delivery.reason !== null) return;
    try {
      pruneSessionTotals(this.#stateFolder);
      pruneRunNotes(this.#stateFolder);
      await flushSpool(this.#spool, this.#connection, {
        timeoutMs: LIMITS.requestMs,
        deadlineMs: LIMITS.leftoverMs,
        until: Date.now() + LIMITS.leftoverMs,
        batchesMax: LIMITS.leftoverBatches,
      });
    } catch (error) {
      this.#notice(`what earlier runs left on disk could not be sent: ${messageOf(error)}`);
    }
  }

  /** Does what a run can do without: a full disk must not keep an agent from working. */
  #attempt<T>(complaint: string, otherwise: T, work: () => T): T {
    try {
      return work();
    } catch (error) {
      this.#notice(`${complaint}: ${messageOf(error)}`);
      return otherwise;
    }
  }

  #notice(message: string): void {
    this.#options.onNotice?.(message);
  }
}

/** Saves what the run has used so far. A full disk must not stop an agent at work: the end is recorded again anyway. */
function keepAlive(pending: PendingRun, facts: () => RunFacts): void {
  try {
    pending.write(runningRecord(facts()), false);
  } catch {
    return;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
