import { http } from "@google-cloud/functions-framework";
import { createLog } from "../../../shared/log.ts";
import { installRuntime } from "../../../shared/runtime/install.ts";

/** Fails where nobody catches it, as a fault of a driver would: in a callback, or as a rejection, as the path says. */
const log = createLog("throwing", (text) => process.stdout.write(text));
installRuntime({ log, projectId: "p", close: async () => {} }, { maxBodyBytes: 1_024 });
http("throwing", (request, response) => {
  const error = new Error("the password is hunter2");
  if (request.path === "/callback") {
    setImmediate(() => {
      throw error;
    });
  } else if (request.path === "/rejection") {
    void Promise.reject(error);
  } else response.end();
});
