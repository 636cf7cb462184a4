import { cancelOpenDeliveries } from "../../shared/postgres/event-deliveries.ts";
import { listDeliveries } from "../../shared/postgres/event-delivery-admin.ts";
import type { EventSubscription } from "../../shared/postgres/event-subscriptions.ts";
import {
  disableSubscription,
  enableSubscription,
  findSubscription,
  listSubscriptions,
  rotateSubscriptionSecret,
} from "../../shared/postgres/event-subscriptions.ts";
import type { Sql } from "../../shared/postgres/pool.ts";
import type { Command, CommandIo } from "../command.ts";
import { parseOptions, wholeNumber } from "../command.ts";
import type { ConnectionSource } from "../connection.ts";
import { findLocalDataDirectory } from "../connection.ts";
import { EXIT, UsageError } from "../exit-codes.ts";
import type { InOrganization } from "../in-organization.ts";
import { createInOrganization } from "../in-organization.ts";
import { auditSubscription } from "../subscriptions/audit-subscription.ts";
import { createSubscription } from "../subscriptions/create-subscription.ts";
import {
  describeDeliveries,
  describeSubscription,
  describeSubscriptions,
} from "../subscriptions/describe-subscriptions.ts";
import { readWantedSubscription } from "../subscriptions/read-wanted-subscription.ts";
import { replayOne, replayRange } from "../subscriptions/replay-deliveries.ts";
import { takeSigningSecret } from "../subscriptions/signing-secret.ts";
import { parseTime } from "../time-option.ts";

export const subscriptionsCommand: Command = {
  name: "subscriptions",
  summary: "Say who is told of which events, and send again what failed.",
  usage: `Usage: netra subscriptions create --name NAME --types A,B --to https://…|projects/P/topics/T [--source S]
           [--repository OWNER/NAME]… [--project P] [--condition JSON] [--secret-ref REF]
       netra subscriptions list
       netra subscriptions show NAME
       netra subscriptions enable|disable NAME
       netra subscriptions rotate NAME [--overlap-hours N] [--secret-ref REF]
       netra subscriptions deliveries NAME [--failed] [--limit N]
       netra subscriptions replay NAME [--since T] [--until T] [--dry-run]
       netra subscriptions replay --delivery ID [--dry-run]

Events go to an https address, signed by Standard Webhooks, or to a Pub/Sub topic. What fails is tried ten times over three
days; who fails for five days is switched off. Events that came meanwhile wait as cancelled deliveries: enable, then replay.
A replay takes what failed, was given up or cancelled; the sweeper sends it within a minute, with the same webhook-id.

  --types A,B        types, with or without the action, * for any characters: github.pull_request.opened, slack.*
  --to TARGET        where they go
  --source S         only of this source (id or name)
  --repository R     only of this repository; * for any characters; may be given several times
  --project P        only of repositories of this project (id or name)
  --condition JSON   only what satisfies it: {"path": "/pull_request/base/ref", "eq": "main"}; operators eq, in, exists,
                     prefix, gt, gte, lt, lte; combined by {"all": […]}, {"any": […]}, {"not": …}
  --secret-ref REF   where the events function reads the signing secret: file:NAME, env:NAME or a version of Secret Manager
                     (projects/PROJECT/secrets/NAME/versions/VERSION); the local server makes one
                     itself, which is shown once
  --overlap-hours N  with rotate: hours the old secrets still sign too (24)
  --failed           with deliveries: only what failed, was given up or cancelled
  --limit N          with deliveries: how many (50)
  --since T, --until T   with replay: when events were received: 2026-01-31T12:00Z, or how long ago: 2h, 3d
  --dry-run          with replay: say how many, and change nothing
  --organization O   id or slug; by default the local server's, or the only one there is
  --data-dir DIR     where connection.json is (.netra)
  --json             print the outcome as JSON

The database is NETRA_ADMIN_DATABASE_URL, an address with the owner's rights, else that of the local server.

Exit codes: 0 done · 1 failed, or there is no such subscription or delivery · 2 wrong command line`,
  run: runSubscriptions,
};

const OPTIONS = {
  name: { type: "string" },
  types: { type: "string" },
  to: { type: "string" },
  source: { type: "string" },
  repository: { type: "string", multiple: true },
  project: { type: "string" },
  condition: { type: "string" },
  "secret-ref": { type: "string" },
  "overlap-hours": { type: "string" },
  failed: { type: "boolean", default: false },
  limit: { type: "string" },
  delivery: { type: "string" },
  since: { type: "string" },
  until: { type: "string" },
  "dry-run": { type: "boolean", default: false },
  organization: { type: "string" },
  "data-dir": { type: "string" },
  json: { type: "boolean", default: false },
} as const;
type Values = ReturnType<typeof parseOptions<typeof OPTIONS>>["values"];

const HOUR_MS = 3_600_000;
const CANCELLED_AT_ONCE_MAX = 100_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

interface Call {
  values: Values;
  name: string | undefined;
  source: ConnectionSource;
  io: CommandIo;
  inOrganization: InOrganization;
}

async function runSubscriptions(argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(argv, OPTIONS);
  const [action, name, ...more] = positionals;
  if (more.length > 0) throw new UsageError(`too many arguments: ${more.join(" ")}`);
  const source = { env: io.env, cwd: io.cwd, flags: { "data-dir": values["data-dir"] } };
  const call: Call = {
    values,
    name,
    source,
    io,
    inOrganization: createInOrganization(source, values.organization, "netra-subscriptions"),
  };
  switch (action) {
    case "create":
      return await create(call);
    case "list":
      return await list(call);
    case "show":
      return await show(call);
    case "enable":
      return await setActive(call, true);
    case "disable":
      return await setActive(call, false);
    case "rotate":
      return await rotate(call);
    case "deliveries":
      return await deliveries(call);
    case "replay":
      return values.delivery === undefined ? await replay(call) : await replayDelivery(call, values.delivery);
    case undefined:
    default:
      throw new UsageError(
        "say create, list, show, enable, disable, rotate, deliveries or replay; see netra subscriptions --help",
      );
  }
}

async function create({ values, name, source, io, inOrganization }: Call): Promise<number> {
  if (name !== undefined) throw new UsageError(`too many arguments: ${name} (--name gives the name)`);
  const wanted = await readWantedSubscription(values, findLocalDataDirectory(source) !== null);
  if (wanted.targetKind === "pubsub" && values["secret-ref"] !== undefined)
    throw new UsageError("what goes to a topic is not signed: leave --secret-ref out");
  const created = await inOrganization(
    async (sql, organizationId) =>
      await createSubscription(sql, organizationId, wanted, () =>
        takeSigningSecret(source, values["secret-ref"]),
      ),
  );
  if (created === null) {
    io.err(`netra: there is a subscription "${wanted.name}" already\n`);
    return EXIT.failure;
  }
  const { stored, secret } = created;
  if (values.json) {
    io.out(`${JSON.stringify({ subscription: stored, secret })}\n`);
    return EXIT.ok;
  }
  io.out(`${stored.id}\n${secret === null ? "" : `${secret}\n`}`);
  if (secret !== null)
    io.err("The second line is the signing secret, for the receiver. It is not shown again.\n");
  return EXIT.ok;
}

async function list({ values, name, io, inOrganization }: Call): Promise<number> {
  if (name !== undefined) throw new UsageError(`too many arguments: ${name}`);
  const subscriptions = await inOrganization(listSubscriptions);
  io.out(values.json ? `${JSON.stringify({ subscriptions })}\n` : describeSubscriptions(subscriptions));
  return EXIT.ok;
}

async function show(call: Call): Promise<number> {
  const { values, io } = call;
  return await withSubscription(call, "show", (_sql, found) => {
    io.out(values.json ? `${JSON.stringify({ subscription: found })}\n` : describeSubscription(found));
    return Promise.resolve(EXIT.ok);
  });
}

async function setActive(call: Call, active: boolean): Promise<number> {
  const { values, io } = call;
  return await withSubscription(call, active ? "enable" : "disable", async (sql, found) => {
    const { id, name, organization_id: organizationId } = found;
    let cancelled = 0;
    if (found.is_active !== active) {
      if (active) await enableSubscription(sql, organizationId, id);
      else {
        await disableSubscription(sql, organizationId, id, "by hand");
        cancelled = await cancelOpenDeliveries(sql, organizationId, id, CANCELLED_AT_ONCE_MAX);
      }
      await auditSubscription(sql, active ? "enabled" : "disabled", found, { cancelled });
    }
    const state = { id, name, is_active: active, cancelled };
    const more = cancelled === 0 ? "" : `; ${cancelled} deliveries that waited are cancelled`;
    io.out(
      values.json
        ? `${JSON.stringify({ subscription: state })}\n`
        : `${name} is ${active ? "active" : "disabled"}${more}\n`,
    );
    return EXIT.ok;
  });
}

async function rotate(call: Call): Promise<number> {
  const { values, source, io } = call;
  const hours = wholeNumber("overlap-hours", values["overlap-hours"], { min: 0, max: 8_760 }) ?? 24;
  return await withSubscription(call, "rotate", async (sql, found) => {
    if (found.target_kind === "pubsub") throw new UsageError("what goes to a topic is not signed");
    const { reference, shown } = takeSigningSecret(source, values["secret-ref"]);
    const oldUntil = hours === 0 ? null : new Date(Date.now() + hours * HOUR_MS);
    const rotated = await rotateSubscriptionSecret(sql, found.organization_id, found.id, {
      reference,
      oldUntil,
    });
    await auditSubscription(sql, "rotated", found, { reference, old_until: oldUntil });
    if (values.json) {
      io.out(`${JSON.stringify({ subscription: rotated, secret: shown })}\n`);
      return EXIT.ok;
    }
    io.out(`${shown ?? reference}\n`);
    const overlap =
      oldUntil === null ? "" : `, and until ${oldUntil.toISOString().slice(0, 16)}Z with the old ones too`;
    io.err(`Deliveries are signed with it from now on${overlap}.\n`);
    if (shown !== null) io.err("Give the secret to the receiver; it is not shown again.\n");
    return EXIT.ok;
  });
}

async function deliveries(call: Call): Promise<number> {
  const { values, io } = call;
  const limit = wholeNumber("limit", values.limit, { min: 1, max: 1_000 }) ?? 50;
  return await withSubscription(call, "deliveries", async (sql, { id, organization_id: organizationId }) => {
    const options = { onlyTrouble: values.failed, limit };
    const listed = await listDeliveries(sql, organizationId, id, options);
    io.out(values.json ? `${JSON.stringify({ deliveries: listed })}\n` : describeDeliveries(listed));
    return EXIT.ok;
  });
}

async function replay(call: Call): Promise<number> {
  const { values, io } = call;
  const now = Date.now();
  const since = values.since === undefined ? null : parseTime("since", values.since, now);
  const until = values.until === undefined ? null : parseTime("until", values.until, now);
  if (since !== null && until !== null && since >= until)
    throw new UsageError("--since must be before --until");
  return await withSubscription(call, "replay", async (sql, found) =>
    sayReplayed(io, values, await replayRange(sql, found, { since, until }, values["dry-run"])),
  );
}

async function replayDelivery({ values, name, io, inOrganization }: Call, id: string): Promise<number> {
  if (name !== undefined) throw new UsageError("give a subscription or --delivery, not both");
  if (!UUID.test(id)) throw new UsageError(`--delivery must be the id of a delivery, not "${id}"`);
  if (values.since !== undefined || values.until !== undefined)
    throw new UsageError("--since and --until are for a subscription, not for one delivery");
  const outcome = await inOrganization(
    async (sql, organizationId) => await replayOne(sql, organizationId, id, values["dry-run"]),
  );
  if (outcome === 1) return sayReplayed(io, values, outcome);
  io.err(
    outcome === "missing"
      ? `netra: there is no delivery "${id}"\n`
      : "netra: this delivery is under way; it can be sent again once that has ended\n",
  );
  return EXIT.failure;
}

function sayReplayed(io: CommandIo, values: Values, count: number): number {
  const would = values["dry-run"];
  if (values.json) io.out(`${JSON.stringify({ replayed: would ? 0 : count, matching: count })}\n`);
  else
    io.out(
      `${count} ${count === 1 ? "delivery" : "deliveries"} ${would ? "would be" : "will be"} sent again\n`,
    );
  return EXIT.ok;
}

async function withSubscription(
  { name, io, inOrganization }: Call,
  action: string,
  work: (sql: Sql, found: EventSubscription) => Promise<number>,
): Promise<number> {
  if (name === undefined) throw new UsageError(`${action} needs the name of a subscription`);
  return await inOrganization(async (sql, organizationId) => {
    const found = await findSubscription(sql, organizationId, name);
    if (found !== null) return await work(sql, found);
    io.err(`netra: there is no subscription "${name}"\n`);
    return EXIT.failure;
  });
}
