import { createSink } from "../run-process.ts";
import type { AgentCommand } from "./agent-command.ts";
import type { AgentMessage } from "./messages.ts";
import { createTextView } from "./show-text.ts";

/** Passes an agent's output on while it works. Promises are kept by the reader, which holds the agent back meanwhile. */
export interface Display {
  bytes(chunk: Buffer): Promise<void> | void;
  stderr(chunk: Buffer): Promise<void> | void;
  message(message: AgentMessage): void;
  /** A line that is no JSON. */
  plain(line: string): void;
  flush(): Promise<void>;
}

export interface DisplayOptions {
  /**
   * `text` shows the agent's words where we chose a format for machines, and is otherwise the same as `raw`, which
   * passes every byte on; `none` shows nothing.
   */
  readonly display?: "text" | "raw" | "none";
  readonly stdout?: NodeJS.WritableStream;
  readonly stderr?: NodeJS.WritableStream;
  /** Show a line for each tool the agent uses, on stderr. */
  readonly showTools?: boolean;
}

const nothing = (): void => {};
const NO_DISPLAY: Display = {
  bytes: nothing,
  stderr: nothing,
  message: nothing,
  plain: nothing,
  flush: () => Promise.resolve(),
};

export function createDisplay(agent: AgentCommand, options: DisplayOptions): Display {
  const mode = options.display ?? "text";
  if (mode === "none") return NO_DISPLAY;
  const out = createSink(options.stdout ?? process.stdout);
  const err = createSink(options.stderr ?? process.stderr);
  if (mode === "raw" || !agent.showText) {
    return { bytes: out, stderr: err, message: nothing, plain: nothing, flush: () => Promise.resolve() };
  }
  let queue: Promise<void> = Promise.resolve();
  const say = (text: string): void => {
    queue = queue.then(() => out(text));
  };
  const view = createTextView({
    out: say,
    note: (text) => {
      if (options.showTools === true) queue = queue.then(() => err(text));
    },
    failure: (text) => {
      queue = queue.then(() => err(text));
    },
  });
  return {
    bytes: () => queue,
    stderr: err,
    message: (message) => view.show(message),
    plain: say,
    flush: () => queue,
  };
}
