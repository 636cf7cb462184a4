import { isAhead } from "../../shared/is-ahead.ts";

/** How busy the instance is with storing, so that the analytics copy can give way to the ledger. */
export interface Activity {
  /** A request begins to work; call what is returned when it has stored its records. */
  begin: () => () => void;
  isBusy: () => boolean;
}

/** After requests worked at the same time, more are expected for this long. */
const AFTERGLOW_MS = 250;

/** A sender that waits for each answer leaves room between two requests; only senders side by side make it busy. */
export function createActivity(now: () => number): Activity {
  let working = 0;
  let busyUntil = 0;
  return {
    begin() {
      working += 1;
      if (working > 1) busyUntil = now() + AFTERGLOW_MS;
      let open = true;
      return () => {
        if (!open) return;
        open = false;
        if (working > 1) busyUntil = now() + AFTERGLOW_MS;
        working -= 1;
      };
    },
    isBusy: () => working > 0 || isAhead(busyUntil, now(), AFTERGLOW_MS),
  };
}
