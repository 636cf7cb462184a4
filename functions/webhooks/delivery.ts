import type { IncomingHttpHeaders } from "node:http";
import type { Json } from "../../shared/event-payload.ts";
import type { EventSource } from "../../shared/postgres/event-sources.ts";

/** A request whose sender is proved. */
export interface VerifiedRequest {
  source: EventSource;
  headers: IncomingHttpHeaders;
  /** The bytes that were signed. */
  body: Buffer;
  bodySha256: Buffer;
  /** Whether the body is UTF-8 without NUL. */
  isText: boolean;
  isForm: boolean;
  /** What the body says; undefined when it cannot be read. */
  payload: Json | undefined;
  /** Milliseconds since 1970. */
  receivedAt: number;
}

/** What a sender's manners make of a request. Names and keys may be any text of any length. */
export type Delivery =
  | {
      kind: "event";
      /** The sender's name of what happened, without the source. */
      type: string;
      action: string | null;
      /** The sender's name of this delivery, the same when it comes again. */
      key: string;
      /** SHA-256 of what it says, where that under another name is a suspected replay. */
      contentKey: Buffer | null;
      /** Its sender shows the answer to a person, so that there must be nothing in it. */
      isAnswerShown?: boolean;
    }
  | { kind: "challenge"; answer: string }
  | { kind: "refused"; reason: "unparseable" | "stale_timestamp"; detail: string };

/** How one kind of sender names what it sends. */
export interface Sender {
  describe: (request: VerifiedRequest) => Delivery;
  /** The headers that are kept, in lower case: never credentials, cookies or signatures. */
  keptHeaders: readonly string[];
}

export const UNPARSEABLE: Delivery = {
  kind: "refused",
  reason: "unparseable",
  detail: "the body is signed and is not what this sender sends",
};
