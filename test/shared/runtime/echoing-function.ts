import { http } from "@google-cloud/functions-framework";
import { httpHandler } from "../../../shared/http.ts";
import { createLog } from "../../../shared/log.ts";
import { installRuntime } from "../../../shared/runtime/install.ts";
import { installShortWay } from "../../../shared/runtime/short-way.ts";

/** Tells what it got, and whether the framework had it in hand: that gives each of its requests an execution id. */
const log = createLog("echoing", (text) => process.stdout.write(text));
const handler = httpHandler({ log }, async ({ body, contentType, path, method }) => ({
  status: 200,
  body: { body: body.toString(), contentType, path, method },
}));
installRuntime({ log, projectId: undefined, close: async () => {} }, { maxBodyBytes: 512 * 1024 });
installShortWay(handler);
http("echoing", handler);
