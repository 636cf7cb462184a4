/** Tells readers in the same process that an organization's executions have changed, so that they forget what they hold. */
type Listener = (organizationId: string) => void;

const listeners = new Set<Listener>();

export function notifyWrite(organizationId: string): void {
  for (const listener of listeners) listener(organizationId);
}

/** Calls `listener` after each write until the returned function is called. */
export function onWrite(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
