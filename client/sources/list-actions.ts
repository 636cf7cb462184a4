import { listRejectedRequests } from "../../shared/postgres/event-listing.ts";
import { findListedSource, listEventSources } from "../../shared/postgres/event-sources.ts";
import { wholeNumber } from "../command.ts";
import { findWebhooksUrl } from "../connection.ts";
import { EXIT, UsageError } from "../exit-codes.ts";
import { addressOf } from "./create-source.ts";
import { describeRejected, describeSources } from "./describe-sources.ts";
import type { SourceCall } from "./source-options.ts";
import { noSuchSource } from "./source-options.ts";

/** `netra sources list` */
export async function runList({ values, name, source, io, inOrganization }: SourceCall): Promise<number> {
  if (name !== undefined) throw new UsageError(`too many arguments: ${name}`);
  const sources = await inOrganization(listEventSources);
  const webhooksUrl = findWebhooksUrl(source);
  if (values.json) {
    const addressed = sources.map((one) => ({
      ...one,
      address: addressOf(webhooksUrl, one.kind, one.endpoint_id),
    }));
    io.out(`${JSON.stringify({ sources: addressed })}\n`);
  } else {
    io.out(describeSources(sources, webhooksUrl, Date.now()));
  }
  return EXIT.ok;
}

/** `netra sources rejected` */
export async function runRejected({ values, name, io, inOrganization }: SourceCall): Promise<number> {
  const limit = wholeNumber("limit", values.limit, { min: 1, max: 1_000 }) ?? 50;
  if (values.unknown && name !== undefined)
    throw new UsageError("--unknown is about no source: leave the name out");
  const requests = await inOrganization(async (sql, organizationId) => {
    const found = name === undefined ? null : await findListedSource(sql, organizationId, name);
    if (name !== undefined && found === null) return null;
    const owner = values.unknown ? null : organizationId;
    return await listRejectedRequests(sql, owner, { sourceId: found?.id ?? null, limit });
  });
  if (requests === null) return noSuchSource(name ?? "", io);
  io.out(values.json ? `${JSON.stringify({ rejected: requests })}\n` : describeRejected(requests));
  return EXIT.ok;
}
