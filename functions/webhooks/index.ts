import { http } from "@google-cloud/functions-framework";
import { installRuntime } from "../../shared/runtime/install.ts";
import { createAdmission } from "./admission.ts";
import { readConfig } from "./config.ts";
import { createContext } from "./context.ts";
import { createHandler } from "./handler.ts";
import { BODY_BYTES_MAX, LARGE_BODY_MS } from "./limits.ts";

const context = createContext(readConfig(process.env));
installRuntime(context, {
  maxBodyBytes: BODY_BYTES_MAX,
  admit: createAdmission(context),
  largeBodyMs: LARGE_BODY_MS,
});
http("webhooks", createHandler(context));
