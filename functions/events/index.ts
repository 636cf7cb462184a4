import { http } from "@google-cloud/functions-framework";
import { installRuntime } from "../../shared/runtime/install.ts";
import { readConfig } from "./config.ts";
import { createContext } from "./context.ts";
import { createHandler } from "./handler.ts";
import { BODY_BYTES_MAX } from "./limits.ts";

const context = createContext(readConfig(process.env));
installRuntime(context, { maxBodyBytes: BODY_BYTES_MAX });
http("events", createHandler(context));
