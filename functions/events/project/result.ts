import type { Json } from "../../../shared/event-payload.ts";
import type { Projection } from "../projection.ts";

/**
 * What a source's projection tells. The payload and its JSON text are there only where what is stored must differ from what
 * came, because a secret that no one needs is taken out; they then take the place of what came.
 */
export type ProjectionResult = Omit<Projection, "payload"> & { payload?: Json; payloadText?: string };
