import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { isPublicAddress } from "./public-address.ts";

/** Where deliveries may go. Each check answers what is wrong, in words for the operator, or null. */

const URL_CHARS_MAX = 2_000;
const TOPIC = /^projects\/[a-z][a-z0-9.:-]{3,80}\/topics\/(?!goog)[A-Za-z][\w.~+%-]{2,254}$/;

/** The host of an address as DNS or a socket takes it: an IPv6 literal has no brackets. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

/**
 * What is wrong with an address by itself. Literal IP addresses are judged here, in any spelling, because URL makes one
 * of all of them; names are judged when they are looked up.
 */
export function faultOfUrl(text: string, privateTargets: boolean): string | null {
  if (text.length > URL_CHARS_MAX || !URL.canParse(text)) return "it is no https address";
  const url = new URL(text);
  if (url.protocol !== "https:" && !(privateTargets && url.protocol === "http:")) {
    return "only https addresses are called";
  }
  if (url.username !== "" || url.password !== "") return "it must not carry a user or password";
  const host = hostOf(url);
  if (host === "") return "it names no host";
  if (!privateTargets && isIP(host) !== 0 && !isPublicAddress(host)) {
    return "it is not an address of the public internet";
  }
  return null;
}

/** What is wrong with a host's addresses: all of them must be public, so that no choice among them is a way in. */
export function faultOfAddresses(addresses: readonly LookupAddress[]): string | null {
  if (addresses.length === 0) return "its name has no address";
  return addresses.every(({ address }) => isPublicAddress(address))
    ? null
    : "its name leads to an address that is not of the public internet";
}

/** What is wrong with a topic's name: projects/PROJECT/topics/TOPIC is needed. */
export function faultOfTopic(text: string): string | null {
  return TOPIC.test(text) ? null : "a topic is named projects/PROJECT/topics/TOPIC";
}

/**
 * The same with a look-up of the name, for whoever types an address to see early what would fail. Every attempt checks
 * again what it connects to; a name without an answer now may have one then.
 */
export async function faultOfUrlNow(
  text: string,
  resolve: (host: string) => Promise<LookupAddress[]> = (host) => lookup(host, { all: true }),
): Promise<string | null> {
  const fault = faultOfUrl(text, false);
  if (fault !== null) return fault;
  const host = hostOf(new URL(text));
  if (isIP(host) !== 0) return null;
  let addresses: LookupAddress[];
  try {
    addresses = await resolve(host);
  } catch {
    return null;
  }
  return faultOfAddresses(addresses);
}
