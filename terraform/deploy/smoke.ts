import { z } from "zod";
import { createApiKey } from "../../shared/api-key.ts";
import { identityTokenCommand } from "./gcloud-commands.ts";
import type { Standing } from "./standing.ts";
import { type Question, type Reply, stopIfAsked, type World } from "./world.ts";

/**
 * Pauses for all questions together: a first instance has to start and can take a minute or more to reach private addresses,
 * and the rights of a new service take a while to hold. What does not come then does not come.
 */
const PAUSES = 36;
const PAUSE_MS = 5_000;

/** Has the form of an address that sources have, so that it is looked up. */
const UNKNOWN_ENDPOINT = "no-such-endpoint-of-netra";

const PROBLEM = "application/problem+json";

interface Check {
  question: Omit<Question, "dryAnswer">;
  /** Any of these is as it should be. */
  statuses: readonly number[];
  /** Null where the platform answers, in a form of its own. */
  type: string | null;
}

/** What is asked of the functions, each through its address. `unknownKey` has the form of an API key and is none. */
export function planChecks(uris: Standing["uris"], unknownKey: string): Check[] {
  const { ingest = "", webhooks = "", insights = "", health = "" } = uris;
  const problem = (status: number, question: Check["question"]): Check => ({
    question,
    statuses: [status],
    type: PROBLEM,
  });
  return [
    ...[
      ["ingest", ingest],
      ["insights", insights],
    ].map(([name = "", uri = ""]) =>
      problem(404, { title: `${name} knows its paths`, method: "GET", url: `${uri}/v1/no-such-path` }),
    ),
    problem(405, {
      title: "ingest knows its methods",
      method: "GET",
      url: `${ingest}/v1/executions`,
    }),
    problem(401, {
      title: "ingest wants a key",
      method: "POST",
      url: `${ingest}/v1/executions`,
      body: { executions: [] },
    }),
    // Nobody has this key, and only the database can tell that: the login, its rights and the schema are tried with it.
    problem(401, {
      title: "ingest looks keys up in the database",
      method: "POST",
      url: `${ingest}/v1/executions`,
      body: { executions: [] },
      token: unknownKey,
    }),
    problem(401, { title: "insights wants a key", method: "GET", url: `${insights}/v1/summary` }),
    problem(401, {
      title: "insights looks keys up in the database",
      method: "GET",
      url: `${insights}/v1/summary`,
      token: unknownKey,
    }),
    problem(405, {
      title: "webhooks knows its methods",
      method: "GET",
      url: `${webhooks}/github/${UNKNOWN_ENDPOINT}`,
    }),
    problem(404, {
      title: "webhooks looks endpoints up in the database",
      method: "POST",
      url: `${webhooks}/github/${UNKNOWN_ENDPOINT}`,
      body: {},
    }),
    {
      question: { title: "health is closed to strangers", method: "GET", url: `${health}/v1/health` },
      statuses: [401, 403],
      type: null,
    },
  ];
}

/** Asks everything and returns what is not as it should be, a line each. */
export async function trySmoke(world: World, standing: Standing, account: string): Promise<string[]> {
  const faults: string[] = [];
  const patience = { pauses: PAUSES };
  for (const check of planChecks(standing.uris, createApiKey().key)) {
    const fault = await tryUntilWell(world, check, patience);
    if (fault === null) world.tell(`  ${check.question.title}: well\n`);
    else faults.push(fault);
  }
  const fault = await tryHealth(world, standing, account);
  return fault === null ? faults : [...faults, fault];
}

async function tryUntilWell(
  world: World,
  check: Check,
  patience: { pauses: number },
): Promise<string | null> {
  const { question, statuses, type } = check;
  const [status = 0] = statuses;
  const dryAnswer = { status, type: type ?? "text/html", body: "{}" };
  for (;;) {
    stopIfAsked(world);
    const fault = judge(check, await world.ask({ ...question, dryAnswer }));
    if (fault === null || patience.pauses === 0) return fault;
    patience.pauses -= 1;
    await world.sleep(PAUSE_MS);
  }
}

function judge({ question, statuses, type }: Check, reply: Reply): string | null {
  const asked = `${question.title}: ${question.method} ${question.url}`;
  if (reply.status === null) return `${asked} was not answered: ${reply.body}`;
  if (!statuses.includes(reply.status)) {
    return `${asked} was answered with ${reply.status} instead of ${statuses.join(" or ")}`;
  }
  if (type !== null && !reply.type.startsWith(type)) {
    return `${asked} was answered with ${reply.type || "no type"} instead of ${type}`;
  }
  return null;
}

const healthSchema = z.object({ status: z.string() });

/**
 * Asks for the health report in a person's name. What it says is told and is no fault: a first deployment has jobs that
 * never ran, and an alert that was open before stays open.
 */
async function tryHealth(world: World, standing: Standing, account: string): Promise<string | null> {
  if (account === "" || account.endsWith(".gserviceaccount.com")) {
    world.tell(
      `  health: not asked, since only people are let in, and you are ${account || "nobody by name"}\n`,
    );
    return null;
  }
  stopIfAsked(world);
  const token = await world.run(identityTokenCommand());
  if (token.code !== 0) return "gcloud gives no token to ask the health function with";
  const reply = await world.ask({
    title: "health tells a person how things are",
    method: "GET",
    url: `${standing.uris["health"] ?? ""}/v1/health`,
    token: token.stdout.trim(),
    dryAnswer: { status: 200, type: "application/json", body: '{"status":"ok"}' },
  });
  if (reply.status === 401 || reply.status === 403) {
    world.tell(`  health: not asked, since ${account} is not among the watchers of terraform.tfvars\n`);
    return null;
  }
  const report = reply.status === 200 ? healthSchema.safeParse(parseJson(reply.body)) : null;
  if (report?.success !== true)
    return `health: GET /v1/health was answered with ${reply.status ?? reply.body}`;
  world.tell(`  health: ${report.data.status}\n`);
  return null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
