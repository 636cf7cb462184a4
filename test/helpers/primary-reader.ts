import type { Pool } from "../../shared/postgres/pool.ts";
import { createReader, type Reader } from "../../shared/postgres/replicas.ts";

/** A reader without replicas. */
export function primaryReader(pool: Pool): Reader {
  return createReader({ primary: pool, replicas: [], lagMsMax: 0, log: () => undefined, now: Date.now });
}
