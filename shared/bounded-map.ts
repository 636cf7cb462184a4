/**
 * Sets the entry and makes it the latest; past `max` entries the one that was set longest ago goes. What is read should be
 * set again where use, not age, is to decide who stays.
 */
export function setBounded<Value>(map: Map<string, Value>, key: string, value: Value, max: number): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > max && oldest.done !== true) map.delete(oldest.value);
}
