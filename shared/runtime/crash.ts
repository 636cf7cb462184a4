import { describeError, type Log } from "../log.ts";

/** The framework writes errors with their messages, which quote what was sent, and answers 500 to whatever request is the latest. */
const FRAMEWORK_EVENTS = new Set<string | symbol>(["uncaughtException", "unhandledRejection", "exit"]);

/**
 * Ends the process at an error that nobody caught, whose state is not known any more, with one line without the message.
 * The framework's own listeners are removed as it adds them.
 */
export function installCrash(log: Log): void {
  const onUncaught = (error: unknown): void => {
    log("CRITICAL", "an error that nobody caught ends the process", describeError(error));
    process.exit(1);
  };
  // An unhandled rejection without a listener of its own comes here as well.
  process.on("uncaughtException", onUncaught);
  process.on("newListener", (event, listener) => {
    if (FRAMEWORK_EVENTS.has(event)) process.nextTick(() => process.removeListener(event, listener));
  });
}
