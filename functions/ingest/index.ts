import { http } from "@google-cloud/functions-framework";
import { installRuntime } from "../../shared/runtime/install.ts";
import { installShortWay } from "../../shared/runtime/short-way.ts";
import { readConfig } from "./config.ts";
import { createContext } from "./context.ts";
import { createHandler } from "./handler.ts";
import { BODY_BYTES_MAX } from "./limits.ts";

const context = createContext(readConfig(process.env));
const handler = createHandler(context);
installRuntime(context, { maxBodyBytes: BODY_BYTES_MAX });
installShortWay(handler);
http("ingest", handler);
