import {
  type EventFacts,
  getDeliveryFacts,
  getEventFacts,
  getLastExecutionFacts,
  getRelayFacts,
  type LastExecutionFacts,
  type RelayFacts,
} from "../../../shared/postgres/health-queues.ts";
import { type CheckResult, judge, state } from "../check.ts";
import type { CheckGroup } from "../group.ts";

export const relay: CheckGroup<RelayFacts> = {
  names: ["relay_lag", "relay_backlog"],
  fetch: ({ pool }) => getRelayFacts(pool),
  evaluate: ({ records, oldest }) => {
    const nextStep =
      "See clickhouse_connection and job_relay: what waits is carried as soon as the analytics store takes it; nothing is lost.";
    return [
      judge({
        name: "relay_lag",
        value: oldest,
        unit: "s",
        warning: 180,
        critical: 900,
        ageSeconds: oldest,
        message: `The oldest record the analytics copy lacks has waited for ${Math.round(oldest)} s.`,
        nextStep,
      }),
      judge({
        name: "relay_backlog",
        value: records,
        unit: "records",
        warning: 100_000,
        critical: 1_000_000,
        ageSeconds: oldest,
        message: `At least ${records} records wait to be copied.`,
        nextStep,
      }),
    ];
  },
};

export const events: CheckGroup<EventFacts> = {
  names: ["events_overdue", "event_dead_letters"],
  fetch: ({ pool }) => getEventFacts(pool),
  evaluate: (facts) =>
    judgeEvents(
      facts,
      "events_overdue",
      "event_dead_letters",
      "events",
      "netra events list --status dead_letter shows them and why; netra events replay tries them again.",
    ),
};

export const deliveries: CheckGroup<EventFacts> = {
  names: ["deliveries_overdue", "delivery_dead_letters"],
  fetch: ({ pool }) => getDeliveryFacts(pool),
  evaluate: (facts) =>
    judgeEvents(
      facts,
      "deliveries_overdue",
      "delivery_dead_letters",
      "deliveries",
      "netra subscriptions list shows whose target fails; netra subscriptions replay delivers again.",
    ),
};

function judgeEvents(
  { overdue, oldest, dead }: EventFacts,
  overdueName: string,
  deadName: string,
  what: string,
  deadStep: string,
): CheckResult[] {
  return [
    judge({
      name: overdueName,
      value: oldest,
      unit: "s",
      warning: 300,
      critical: 1_800,
      ageSeconds: oldest,
      message: `${overdue} ${what} are due and nobody has taken them; the oldest has been for ${Math.round(oldest)} s.`,
      nextStep:
        "See job_events_sweep, and whether the events function runs and Pub/Sub takes and pushes messages.",
    }),
    judge({
      name: deadName,
      value: dead,
      unit: what,
      warning: 1,
      critical: 100,
      message: `${dead} ${what} were given up within a day.`,
      nextStep: deadStep,
    }),
  ];
}

export const executions: CheckGroup<LastExecutionFacts> = {
  names: ["last_execution"],
  fetch: ({ pool }) => getLastExecutionFacts(pool),
  evaluate: ({ within, is_empty: isEmpty }) => {
    if (isEmpty) {
      return [
        state("last_execution", "unknown", "No execution has ever been stored.", {
          nextStep: "netra run or netra import sends the first.",
        }),
      ];
    }
    const age = within ?? 8 * 86_400;
    return [
      judge({
        name: "last_execution",
        value: age,
        unit: "s",
        // A span says that one was stored within it: an hour is not more than an hour.
        warning: 3_601,
        ageSeconds: age,
        message:
          within === null
            ? "No execution has been stored for more than a week."
            : `An execution was stored within the last ${span(within)}.`,
        nextStep: "If agents are at work: see whether ingest answers, and run netra flush where they run.",
      }),
    ];
  },
};

function span(seconds: number): string {
  if (seconds < 3_600) return `${seconds / 60} min`;
  return seconds < 86_400 ? `${seconds / 3_600} h` : `${seconds / 86_400} days`;
}
