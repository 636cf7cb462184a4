import framework from "@google-cloud/functions-framework";

/* The framework as functions import it: `npm run build` puts it, and the framework's program, into one bundle for the image. */
export const { http, cloudEvent } = framework;
