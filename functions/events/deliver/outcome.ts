/** What came of one attempt. `error` is a class, a colon and what happened, never what was sent or answered. */
export type Outcome =
  | { kind: "delivered"; status: number | null }
  | { kind: "gone"; status: number; error: string }
  | {
      kind: "failed";
      status: number | null;
      error: string;
      retryAfterMs: number | null;
      /** The receiver did not take the signature, so the secrets are read anew next time. */
      isUnauthorized: boolean;
    };

/** A failure before there was an answer. */
export function failedWith(error: string): Outcome {
  return { kind: "failed", status: null, error, retryAfterMs: null, isUnauthorized: false };
}
