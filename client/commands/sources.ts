import { insertAuditLog } from "../../shared/postgres/audit-logs.ts";
import type { ListedSource } from "../../shared/postgres/event-sources.ts";
import { findListedSource, setEventSourceStatus } from "../../shared/postgres/event-sources.ts";
import type { Command, CommandIo } from "../command.ts";
import { parseOptions } from "../command.ts";
import { EXIT, UsageError } from "../exit-codes.ts";
import { createInOrganization } from "../in-organization.ts";
import { runCreate } from "../sources/create-action.ts";
import { runList, runRejected } from "../sources/list-actions.ts";
import { runRotate } from "../sources/rotate-action.ts";
import type { SourceCall } from "../sources/source-options.ts";
import { needName, noSuchSource, SOURCE_OPTIONS } from "../sources/source-options.ts";

export const sourcesCommand: Command = {
  name: "sources",
  summary: "Say who may send webhooks, and rotate their secrets.",
  usage: `Usage: netra sources create --kind KIND --name NAME [--config JSON] [--secret-ref REF | --secret-stdin]
       netra sources list
       netra sources rotate NAME [--overlap-hours N] [--secret-ref REF | --secret-stdin]
       netra sources disable|enable NAME
       netra sources rejected [NAME] [--unknown] [--limit N]

A source is an address with secrets. Kinds: github, slack, linear, vercel, standard (Standard Webhooks, Svix), signed
(any HMAC, as --config says), cloud-build and cloud-deploy (Pub/Sub pushes). NAME may also be the id or the last part of
the address. The address is for the result on stdout, with the secret after it where one was made: it is shown once.

  --config JSON      what the kind needs; for signed: header, algorithm (sha1, sha256, sha512), encoding (hex, base64),
                     template ("{timestamp}.{body}"), timestamp, item_separator, field_separator, field, prefix, secret,
                     id, type; for github: repeatable_events (["repository_dispatch"]), events of which the same body
                     again is another event and no replay
  --secret-ref REF   where the webhooks function reads the secret: file:NAME, env:NAME or a version of Secret
                     Manager (projects/PROJECT/secrets/NAME/versions/VERSION)
  --secret-stdin     take the secret from stdin, for senders that make it themselves; the local server keeps it
  --audience URL, --email A,B   for cloud-build and cloud-deploy: whom the push tokens are for, and of whom
  --hook OWNER/REPO#ID, --token-ref REF   for github: the hook whose deliveries are compared with what came (or ORG#ID),
                     and a token that may read and repeat them (permission Webhooks: read and write);
                     for the local server file:NAME is <data dir>/secrets/NAME
  --overlap-hours N  with rotate: hours the old secrets still hold (24)
  --unknown          with rejected: what came to addresses no source has
  --limit N          with rejected: how many (50)
  --webhooks-url U   address of the webhooks function, as senders reach it (NETRA_WEBHOOKS_URL, or NETRA_URL/webhooks)
  --organization O   id or slug; by default the local server's, or the only one there is
  --data-dir DIR     where connection.json is (.netra)
  --json             print the outcome as JSON

The database is NETRA_ADMIN_DATABASE_URL, an address with the owner's rights, else that of the local server.

Exit codes: 0 done · 1 failed, or there is no such source · 2 wrong command line`,
  run: runSources,
};

async function runSources(argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(argv, SOURCE_OPTIONS);
  const [action, name, ...more] = positionals;
  if (more.length > 0) throw new UsageError(`too many arguments: ${more.join(" ")}`);
  const flags = { "data-dir": values["data-dir"], "webhooks-url": values["webhooks-url"] };
  const source = { env: io.env, cwd: io.cwd, flags };
  const call: SourceCall = {
    values,
    name,
    source,
    io,
    inOrganization: createInOrganization(source, values.organization, "netra-sources"),
  };
  switch (action) {
    case "create":
      return await runCreate(call);
    case "list":
      return await runList(call);
    case "rotate":
      return await runRotate(call);
    case "disable":
      return await setStatus(call, "disabled");
    case "enable":
      return await setStatus(call, "active");
    case "rejected":
      return await runRejected(call);
    case undefined:
    default:
      throw new UsageError("say create, list, rotate, disable, enable or rejected; see netra sources --help");
  }
}

async function setStatus(
  { values, name, io, inOrganization }: SourceCall,
  status: ListedSource["status"],
): Promise<number> {
  const verb = status === "active" ? "enable" : "disable";
  const wanted = needName(verb, name);
  const found = await inOrganization(async (sql, organizationId) => {
    const one = await findListedSource(sql, organizationId, wanted);
    if (one === null || one.status === status) return one;
    await setEventSourceStatus(sql, organizationId, one.id, status);
    await insertAuditLog(sql, {
      organizationId,
      userId: null,
      action: `event_source.${verb}d`,
      resourceType: "event_source",
      resourceId: one.id,
      metadata: { name: one.name },
    });
    return one;
  });
  if (found === null) return noSuchSource(wanted, io);
  const { id, name: known } = found;
  io.out(
    values.json ? `${JSON.stringify({ source: { id, name: known, status } })}\n` : `${known} is ${status}\n`,
  );
  return EXIT.ok;
}
