import { disableDomains } from "./disable-domains.ts";
import { installDrain } from "./drain.ts";
import { installGuard } from "./guard.ts";

/** What every function needs around the framework. Call it once, before the framework starts its server. */
export function installRuntime(options: { maxBodyBytes: number; onStop: () => Promise<void> }): void {
  disableDomains();
  installGuard(options);
  installDrain(options);
}
