import type { CacheReuse } from "../../../../shared/insight-sessions.ts";
import { dollars, exactUsd, percent } from "../amounts.ts";
import { commandName, inOneRepository, modelName } from "../names.ts";
import type { Found, Rule } from "../rule.ts";

/** One or two sessions may have been broken off; five are a habit. */
export const UNREAD_SESSIONS_MIN = 5;

/**
 * Prompts were written to the cache, which costs more than plain input, and nothing of the session ever read them.
 *
 * Inputs, for sessions of one command, repository and model (an execution without a session is one of its own): sessions
 * with cache writes > 0, cache reads = 0 and known savings that ended an hour before the end of the range, so that nothing
 * can read them any more.
 * Output: saving = −Σ cache_savings_usd of these sessions, the exact price of writing above that of plain input.
 * Silent below UNREAD_SESSIONS_MIN such sessions, or when the sum is not above zero.
 */
export const cacheNeverReused: Rule = {
  name: "cache_never_reused",
  silentWhen: `fewer than ${UNREAD_SESSIONS_MIN} sessions of a command wrote to the cache without ever reading from it`,
  find: ({ sessions }) =>
    sessions.cacheReuse
      .filter(({ unread, wastedPico }) => unread >= UNREAD_SESSIONS_MIN && wastedPico > 0n)
      .map(describe),
  measure({ sessions }, subject) {
    const group = sessions.cacheReuse.find(
      ({ commandBase, repository, model }) =>
        commandBase === subject["command_base"] &&
        repository === subject["repository"] &&
        model === subject["model"],
    );
    return group === undefined
      ? null
      : { costPico: group.wastedPico, units: group.sessions, unit: "session" };
  },
};

function describe(group: CacheReuse): Found {
  const { commandBase, repository, model, sessions, unread, wastedPico } = group;
  const where = `${commandName(commandBase)} ${inOneRepository(repository)}`;
  return {
    subject: { command_base: commandBase, repository, model },
    title: `${where}: ${unread} of ${sessions} sessions wrote a cache nobody read`,
    advice: `Switch prompt caching off for ${commandName(commandBase)}, or run several of them in one session so that the later ones read what the first wrote.`,
    savingPico: wastedPico,
    how: `${unread} sessions with cache writes and no cache read paid ${dollars(wastedPico)} more than plain input would have cost (the sum of their cache_savings_usd, negated)`,
    confidence:
      unread * 2 >= sessions
        ? {
            level: "high",
            because: `the cost is exact, and ${percent(unread, sessions)} of the sessions are like this`,
          }
        : {
            level: "medium",
            because: `the cost is exact, but only ${percent(unread, sessions)} of the sessions are like this`,
          },
    scope: {
      ...(commandBase === null ? {} : { commands: [commandBase] }),
      ...(repository === null ? {} : { repositories: [repository] }),
      ...(model === null ? {} : { models: [model] }),
    },
    evidence: {
      sessions,
      sessions_never_read: unread,
      executions_never_read: group.unreadExecutions,
      cache_write_tokens_never_read: group.unreadWriteTokens,
      wasted_usd: exactUsd(wastedPico),
      model: modelName(model),
    },
  };
}
