import type { HttpRequest } from "./http.ts";

/** What stands behind `Authorization: Bearer`; empty when there is none. */
export function bearerToken({ headers }: Pick<HttpRequest, "headers">): string {
  return /^bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1] ?? "";
}
