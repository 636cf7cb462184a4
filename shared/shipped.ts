/** What the cost of what was shipped can be asked by. */
export const SHIPPED_KINDS = ["pull_request", "issue", "deployment", "repository"] as const;
export type ShippedKind = (typeof SHIPPED_KINDS)[number];
