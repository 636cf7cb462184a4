/** Exit codes of `netra`. `netra run` answers with the agent's own code instead (128 + signal when it was stopped). */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  /** The server could not be reached; what was to be sent waits on disk for `netra flush`. */
  unreachable: 3,
  /** Of netra predict alone, which leaves nothing on disk: the budget would not do, or nobody can tell. */
  overBudget: 3,
} as const;

/** The command line or the configuration is wrong; the message says what to change. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
