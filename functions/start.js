import { enableCompileCache, registerHooks } from "node:module";
import { join } from "node:path";

/*
 * Where the image starts: serves the bundle that FUNCTION_TARGET names with the functions framework, which is bundled as
 * well, from the cache of compiled code that was made with the image.
 */
const FRAMEWORK = "@google-cloud/functions-framework";

const root = import.meta.dirname;
enableCompileCache(join(root, ".compiled"));
// The framework's own way to log execution ids takes several lines in one write for plain text; ours are in each line.
delete process.env["LOG_EXECUTION_ID"];
process.env["FUNCTION_SOURCE"] ??= join(root, process.env["FUNCTION_TARGET"] ?? "");
// Functions register with the framework they import, which has to be the one that serves.
const url = new URL("framework/index.js", import.meta.url).href;
registerHooks({
  resolve: (name, context, next) =>
    name === FRAMEWORK ? { url, format: "module", shortCircuit: true } : next(name, context),
});
await import(new URL("framework/main.js", import.meta.url).href);
