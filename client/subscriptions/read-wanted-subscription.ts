import { faultOfTopic, faultOfUrl, faultOfUrlNow } from "../../shared/delivery-target.ts";
import type { TargetKind } from "../../shared/postgres/event-subscriptions.ts";
import { UsageError } from "../exit-codes.ts";

/** A subscription as the options describe it; source and project are still names. */
export interface WantedSubscription {
  name: string;
  eventTypes: string[];
  source: string | null;
  repositories: string[] | null;
  project: string | null;
  conditions: unknown;
  targetKind: TargetKind;
  target: string;
}

interface SubscriptionOptions {
  name?: string | undefined;
  types?: string | undefined;
  source?: string | undefined;
  repository?: readonly string[] | undefined;
  project?: string | undefined;
  condition?: string | undefined;
  to?: string | undefined;
}

const TYPES_MAX = 50;
const REPOSITORIES_MAX = 100;
const CONDITION_CHARS_MAX = 8_000;
const PATTERN = /^[A-Za-z0-9._*-]{1,200}$/;

/** Reads the options; throws UsageError saying what is wrong. `privateTargets` is for a local server, which may call itself. */
export async function readWantedSubscription(
  options: SubscriptionOptions,
  privateTargets: boolean,
): Promise<WantedSubscription> {
  const name = options.name?.trim() ?? "";
  if (name === "" || name.length > 255) throw new UsageError("--name must have 1 to 255 characters");
  return {
    name,
    eventTypes: readTypes(options.types),
    source: options.source ?? null,
    repositories: readRepositories(options.repository),
    project: options.project ?? null,
    conditions: readCondition(options.condition),
    ...(await readTarget(options.to, privateTargets)),
  };
}

function readTypes(text: string | undefined): string[] {
  const types = (text ?? "").split(",").map((type) => type.trim());
  const wrong = types.find((type) => !PATTERN.test(type));
  if (wrong !== undefined || types.length > TYPES_MAX) {
    throw new UsageError(
      `--types must be up to ${TYPES_MAX} types with commas between, such as github.pull_request.*,slack.message`,
    );
  }
  return [...new Set(types)];
}

function readRepositories(patterns: readonly string[] | undefined): string[] | null {
  if (patterns === undefined || patterns.length === 0) return null;
  if (patterns.length > REPOSITORIES_MAX || patterns.some((one) => one.trim() === "" || one.length > 300)) {
    throw new UsageError(
      `--repository must be OWNER/NAME, with * for any characters, ${REPOSITORIES_MAX} at most`,
    );
  }
  return patterns.map((one) => one.trim());
}

function readCondition(text: string | undefined): unknown {
  if (text === undefined) return null;
  const fault = `--condition must be JSON such as {"path": "/pull_request/base/ref", "eq": "main"}`;
  if (text.length > CONDITION_CHARS_MAX)
    throw new UsageError(`${fault}, of up to ${CONDITION_CHARS_MAX} characters`);
  try {
    const condition: unknown = JSON.parse(text);
    if (typeof condition === "object" && condition !== null) return condition;
  } catch (cause) {
    throw new UsageError(fault, { cause });
  }
  throw new UsageError(fault);
}

async function readTarget(
  text: string | undefined,
  privateTargets: boolean,
): Promise<{ targetKind: TargetKind; target: string }> {
  if (text === undefined) {
    throw new UsageError("--to must be where events go: https://… or projects/PROJECT/topics/TOPIC");
  }
  const isTopic = text.startsWith("projects/");
  const fault = isTopic
    ? faultOfTopic(text)
    : privateTargets
      ? faultOfUrl(text, true)
      : await faultOfUrlNow(text);
  // The address itself may have a token in it.
  if (fault !== null) throw new UsageError(`--to cannot be used: ${fault}`);
  return { targetKind: isTopic ? "pubsub" : "https", target: text };
}
