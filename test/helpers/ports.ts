export { findFreePort } from "../../local/free-port.ts";
