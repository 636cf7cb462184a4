/** Every way a request can be refused, with the HTTP status that tells the sender so. */
const STATUS = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  gone: 410,
  too_large: 413,
  unsupported_media_type: 415,
  rate_limited: 429,
  internal: 500,
  unavailable: 503,
} as const;

export type ErrorCode = keyof typeof STATUS;

const TITLES: Record<ErrorCode, string> = {
  bad_request: "The request is not valid",
  unauthorized: "The request does not prove who sends it",
  forbidden: "The sender may not do this",
  not_found: "There is nothing here",
  method_not_allowed: "The method is not allowed here",
  conflict: "The request contradicts what is stored",
  gone: "This is no longer here",
  too_large: "The request is too large",
  unsupported_media_type: "The media type is not supported",
  rate_limited: "Too many requests",
  internal: "Something went wrong here",
  unavailable: "Not available right now",
};

/** One fault of the sender's, at an RFC 6901 pointer into what was sent. */
export interface Fault {
  pointer: string;
  detail: string;
}

interface AppErrorOptions {
  cause?: unknown;
  errors?: readonly Fault[];
  retryAfterSeconds?: number;
  headers?: Readonly<Record<string, string>>;
  /** Further members of the problem document. */
  extensions?: Readonly<Record<string, unknown>>;
}

/** A refusal that is expected: its message is for the sender, its cause for the log. Anything else thrown is a bug. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly options: AppErrorOptions;

  constructor(code: ErrorCode, publicMessage: string, options: AppErrorOptions = {}) {
    super(publicMessage, { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.options = options;
  }
}

export function statusOf(code: ErrorCode): number {
  return STATUS[code];
}

/** The RFC 9457 problem document of a refusal. */
export function problemOf(error: AppError, requestId: string): Record<string, unknown> {
  return {
    type: `urn:netra:problem:${error.code.replaceAll("_", "-")}`,
    title: TITLES[error.code],
    status: STATUS[error.code],
    detail: error.message,
    request_id: requestId,
    ...(error.options.errors === undefined ? {} : { errors: error.options.errors }),
    ...error.options.extensions,
  };
}
