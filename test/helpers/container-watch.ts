import { finished } from "node:stream/promises";
import { removeContainersOf } from "./container-engine.ts";

/*
 * A process that waits for the end of its standard input, which a test run holds, and removes the run's containers then:
 * Ctrl-C ends the run at once, and an engine goes on running what nobody stops.
 */
const [run = ""] = process.argv.slice(2);
await finished(process.stdin.resume());
await removeContainersOf(run);
