import { http } from "@google-cloud/functions-framework";

/** The floor of a function that takes JSON on the framework as it comes: it reads the body, and nothing is done with it. */
http("plain-no-op", (_request, response) => {
  response.json({ accepted: 1 });
});
