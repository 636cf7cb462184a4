import type { ClaimedEvent, Projection } from "../projection.ts";
import { firstTime } from "./read-json.ts";

/**
 * Events of senders whose shapes are their own: the payload and the moment are all that can be told of them. The moment is
 * that of the signature, by the header of Standard Webhooks or Svix in seconds.
 */
export function projectPlain({ headers }: ClaimedEvent): Omit<Projection, "payload"> {
  return {
    providerTime: firstTime(headers["webhook-timestamp"], headers["svix-timestamp"]),
    repository: null,
    actor: null,
    rows: {},
  };
}
