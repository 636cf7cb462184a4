import { http } from "@google-cloud/functions-framework";
import { installDrain } from "../../shared/runtime/drain.ts";
import { installGuard } from "../../shared/runtime/guard.ts";
import { readConfig } from "./config.ts";
import { createContext } from "./context.ts";
import { createHandler } from "./handler.ts";
import { BODY_BYTES_MAX } from "./limits.ts";

const context = createContext(readConfig(process.env));
installGuard({ maxBodyBytes: BODY_BYTES_MAX });
installDrain({ onStop: context.close });
http("ingest", createHandler(context));
