import { http } from "@google-cloud/functions-framework";
import { installDrain } from "../../shared/runtime/drain.ts";
import { installGuard } from "../../shared/runtime/guard.ts";
import { readConfig } from "./config.ts";
import { createContext } from "./context.ts";
import { BODY_BYTES_MAX, createHandler } from "./handler.ts";

const context = createContext(readConfig(process.env));
installGuard({ maxBodyBytes: BODY_BYTES_MAX });
installDrain({ onStop: context.close });
http("insights", createHandler(context));
