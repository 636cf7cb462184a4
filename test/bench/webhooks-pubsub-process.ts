import { z } from "zod";
import { openPubSub } from "../../local/pubsub.ts";
import { eventsTopology } from "../../local/messaging.ts";

/**
 * The stand-in for Pub/Sub in a process of its own: on the port of the first argument, pushing to the address of the
 * second, or taking messages to no end without one.
 */
const [port, pushEndpoint] = z.tuple([z.coerce.number(), z.string().optional()]).parse(process.argv.slice(2));
const { topics, subscriptions } = eventsTopology(pushEndpoint ?? "http://127.0.0.1");
// Cloud Run checks the token before the function is reached, so none is made here.
const pushes = subscriptions.map((subscription) => ({ ...subscription, oidcToken: null }));
await openPubSub({
  port,
  topics,
  subscriptions: pushEndpoint === undefined ? [] : pushes,
  log: (severity, message) => process.stderr.write(`${severity} ${message}\n`),
});
process.once("disconnect", () => process.exit());
process.send?.("ready");
