/** The analytics copy did not do what it was asked: later it may. */
export class AnalyticsAway extends Error {}

/** Runs work on the analytics copy; its failures are told apart from those of the ledger and from bugs. */
export async function onAnalytics<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof TypeError || cause instanceof RangeError) throw cause;
    throw new AnalyticsAway("the analytics copy did not answer as it should", { cause });
  }
}
