import { endOfMarks, mark } from "./secret-mark.ts";

const USERINFO_CHARS_MAX = 1_024;
const OPAQUE_USER = /^[A-Za-z0-9._~%+-]{20,}$/;

/**
 * Masks the password of URLs with credentials; scheme, user and host stay readable. A user without a password is masked
 * when it is long enough to be a token (`https://<token>@host`).
 */
export function maskUrls(text: string): string {
  let out = "";
  let done = 0;
  for (let at = text.indexOf("://"); at !== -1; at = text.indexOf("://", at + 3)) {
    const from = at + 3;
    const host = endOfUserinfo(text, from);
    if (host === -1) continue;
    const userinfo = text.slice(from, host);
    const colon = userinfo.indexOf(":");
    const secret = colon === -1 ? userinfo : userinfo.slice(colon + 1);
    if (secret === "" || endOfMarks(text, from) === host || endOfMarks(text, from + colon + 1) === host)
      continue;
    if (colon === -1 && !OPAQUE_USER.test(secret)) continue;
    out += text.slice(done, from + colon + 1) + mark(colon === -1 ? "token" : "password");
    done = host;
  }
  return done === 0 ? text : out + text.slice(done);
}

/** The index of the `@` that ends the userinfo of a URL, or -1. Never looks past the start of another URL. */
function endOfUserinfo(text: string, from: number): number {
  const limit = Math.min(text.length, from + USERINFO_CHARS_MAX);
  let last = -1;
  let colon = -1;
  let pathFrom = -1;
  for (let at = from; at < limit; at++) {
    const char = text.charCodeAt(at);
    // white space, quotes, angle brackets
    if (char <= 32 || char === 34 || char === 39 || char === 60 || char === 62 || char === 96) break;
    if (char === 64) {
      last = at;
      if (pathFrom !== -1) break;
    } else if (char === 58) {
      if (text.startsWith("://", at)) return -1;
      if (colon === -1 && pathFrom === -1) colon = at;
    } else if ((char === 47 || char === 63 || char === 35) && pathFrom === -1) {
      if (last !== -1) break;
      pathFrom = at;
    }
  }
  if (last === -1 || pathFrom === -1 || last < pathFrom) return last;
  // An unencoded slash inside a password: what precedes it must not be a host with a port.
  const isPort = colon === -1 || /^\d{1,5}$/.test(text.slice(colon + 1, pathFrom));
  return isPort ? -1 : last;
}
