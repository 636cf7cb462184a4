import { http } from "@google-cloud/functions-framework";
import { installRuntime } from "../../shared/runtime/install.ts";
import { readConfig } from "./config.ts";
import { createContext } from "./context.ts";
import { BODY_BYTES_MAX, createHandler } from "./handler.ts";

const context = createContext(readConfig(process.env));
installRuntime(context, { maxBodyBytes: BODY_BYTES_MAX });
http("retention", createHandler(context));
