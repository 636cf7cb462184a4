import { http } from "@google-cloud/functions-framework";
import { installGuard } from "../../../shared/runtime/guard.ts";

/** The floor of any function: the framework takes the body, and nothing is done with it. */
installGuard({ maxBodyBytes: 10 * 1024 * 1024 });
http("no-op", (_request, response) => {
  response.json({ accepted: 1 });
});
