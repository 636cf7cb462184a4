import { z } from "zod";
import type { SourceKind } from "./event-source.ts";
import { faultWords } from "./fault-words.ts";

/** What a source's `config` column holds, by kind. Everything is strict: a misspelt name must not weaken a check. */

const headerName = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,100}$/, "must be the name of a header")
  .transform((name) => name.toLowerCase());
const pointer = z
  .string()
  .max(500)
  .regex(/^(\/([^~/]|~[01])*)+$/, "must be an RFC 6901 pointer such as /event/id");
const separator = z.string().min(1).max(5);

/** Where a value is read: a header, or a place in the JSON body. */
const place = z.union([z.strictObject({ header: headerName }), z.strictObject({ body: pointer })], {
  error: 'must be {"header": NAME} or {"body": POINTER}',
});

const tolerance = {
  unit: z.enum(["s", "ms"]).default("s"),
  tolerance_seconds: z.number().int().min(1).max(86_400).default(300),
};
/** When the sender signed: in a header of its own, or in a field of the signature header. */
const timestamp = z.union(
  [
    z.strictObject({ header: headerName, ...tolerance }),
    z.strictObject({ field: z.string().min(1).max(50), ...tolerance }),
  ],
  {
    error:
      'must be {"header": NAME} or {"field": NAME}, with "unit" (s or ms) and "tolerance_seconds" (1 to 86400)',
  },
);

/** Placeholders a template may have. */
const PLACEHOLDER = /\{(body|timestamp|id)\}/g;

/**
 * One scheme of signing, as data. The HMAC (`algorithm`) over `template` is in `header`, written as `encoding`:
 * - alone, after an optional `prefix` such as `sha256=`;
 * - or as one of several items between `item_separator`, each the value of `field` after `field_separator`:
 *   `t=1700000000,v1=<hex>` has the item separator `,`, the field separator `=` and the field `v1`.
 * `template` has `{body}` once and may have `{timestamp}` and `{id}`, once each. The key is the secret decoded by
 * `secret.encoding`, after `secret.strip_prefix` (such as `whsec_`) has been taken off.
 */
const signed = z
  .strictObject({
    algorithm: z.enum(["sha1", "sha256", "sha512"]).default("sha256"),
    encoding: z.enum(["hex", "base64"]).default("hex"),
    header: headerName,
    item_separator: separator.optional(),
    field_separator: separator.optional(),
    field: z.string().min(1).max(50).optional(),
    prefix: z.string().min(1).max(50).optional(),
    template: z
      .string()
      .max(200)
      .regex(/^[\x20-\x7e\n]+$/, "must be plain ASCII")
      .default("{body}"),
    timestamp: timestamp.optional(),
    secret: z
      .strictObject({
        encoding: z.enum(["utf8", "base64", "hex"]).default("utf8"),
        strip_prefix: z.string().min(1).max(50).optional(),
      })
      .prefault({}),
    /** The delivery's own name, by which a repeat is known; without it the body is. */
    id: place.optional(),
    /** The event's type; without it every event is of the type `signed.unknown`. */
    type: place.optional(),
  })
  .superRefine((config, context) => {
    const fault = (path: string, message: string): void => {
      context.addIssue({ code: "custom", path: [path], message });
    };
    const counts = new Map<string, number>();
    for (const [, name = ""] of config.template.matchAll(PLACEHOLDER))
      counts.set(name, (counts.get(name) ?? 0) + 1);
    if (counts.get("body") !== 1) fault("template", "must have {body} once");
    if ([...counts.values()].some((count) => count > 1)) fault("template", "has a placeholder twice");
    if (/[{}]/.test(config.template.replaceAll(PLACEHOLDER, "")))
      fault("template", "may have {body}, {timestamp} and {id} and no other braces");
    // An unsigned time is no proof of freshness, and a time nobody reads is none either.
    if (counts.has("timestamp") !== (config.timestamp !== undefined))
      fault("timestamp", "goes with {timestamp} in the template: give both or neither");
    if (counts.has("id") && (config.id === undefined || !("header" in config.id)))
      fault("id", "must be read from a header when the template has {id}");
    if ((config.field === undefined) !== (config.field_separator === undefined))
      fault("field", 'goes with "field_separator": give both or neither');
    if (config.timestamp !== undefined && "field" in config.timestamp && config.field === undefined)
      fault("timestamp", 'can be a field only where the signature is one ("field", "field_separator")');
    // One item has one value: a header that is not divided cannot hold both.
    if (config.timestamp !== undefined && "field" in config.timestamp && config.item_separator === undefined)
      fault("item_separator", "is needed where the timestamp is a field beside the signature");
  });

const cloud = z.strictObject({
  /** The audience the push subscription puts into its tokens. */
  audience: z.string().min(1).max(2_000),
  /** Service accounts whose tokens are taken. */
  emails: z
    .array(z.string().regex(/^[^\s@]{1,200}@[^\s@]{1,200}$/, "must be an e-mail address"))
    .min(1)
    .max(20),
});

// Not "." or "..": the names become parts of an address.
const githubName = /^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,100}$/;
const githubRepository = /^(?!\.{1,2}\/)[A-Za-z0-9_.-]{1,100}\/(?!\.{1,2}$)[A-Za-z0-9_.-]{1,100}$/;
const hookId = z.number().int().positive();
const github = z
  .strictObject({
    /** The hook whose deliveries are compared with what came. */
    hook: z
      .union(
        [
          z.strictObject({
            repository: z.string().regex(githubRepository),
            id: hookId,
          }),
          z.strictObject({ organization: z.string().regex(githubName), id: hookId }),
        ],
        { error: 'must be {"repository": "owner/name", "id": N} or {"organization": NAME, "id": N}' },
      )
      .optional(),
    /** Reference to a token that may read the hook's deliveries and ask for them again. */
    token_ref: z
      .string()
      .max(500)
      .regex(/^(env:|file:|projects\/)/, "must start with env:, file: or projects/")
      .optional(),
    /**
     * Events of which the same body again is another event and no replay: those that hold neither an id nor a time, such
     * as repository_dispatch and workflow_dispatch. Whoever has seen one such delivery could send it again.
     */
    repeatable_events: z
      .array(z.string().regex(/^[a-z_]{1,100}$/, "must be the name of an event such as repository_dispatch"))
      .min(1)
      .max(50)
      .optional(),
  })
  .superRefine((config, context) => {
    if ((config.hook === undefined) !== (config.token_ref === undefined)) {
      context.addIssue({
        code: "custom",
        path: ["hook"],
        message: 'goes with "token_ref": give both or neither',
      });
    }
  });

const nothing = z.strictObject({});

export const SOURCE_CONFIGS = {
  github,
  slack: nothing,
  linear: nothing,
  vercel: nothing,
  standard: nothing,
  signed,
  "cloud-build": cloud,
  "cloud-deploy": cloud,
} as const satisfies Record<SourceKind, z.ZodType>;

export type GithubConfig = z.infer<typeof github>;

/** The faults of a config in words, each with its place; none when it is right. */
export function findConfigFaults(kind: SourceKind, config: unknown): string[] {
  const read = SOURCE_CONFIGS[kind].safeParse(config, { error: faultWords });
  if (read.success) return [];
  return read.error.issues
    .slice(0, 10)
    .map(({ path, message }) => `${path.length === 0 ? "it" : path.join(".")}: ${message}`);
}
