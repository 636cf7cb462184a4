import domain from "node:domain";

/**
 * The framework runs each request in a domain, to answer 500 for what is thrown outside of the handler's promise. Our
 * handlers let nothing escape (see shared/http.ts), and the first domain makes Node track every promise of the process:
 * measured on Node 24, a quarter of what a small request costs. So the framework gets a domain that does nothing; what
 * does escape ends the process, as it should.
 */
export function disableDomains(): void {
  const none = {
    on: () => none,
    run: <T>(work: () => T): T => work(),
  };
  Object.assign(domain, { create: () => none });
}
