/** A refusal in the words and with the code a ClickHouse server would use. */
export class EngineError extends Error {
  readonly code: number;

  constructor(code: number, type: string, message: string, options?: ErrorOptions) {
    super(`Code: ${code}. DB::Exception: ${message}. (${type})`, options);
    this.name = "EngineError";
    this.code = code;
  }
}

/** HTTP status by exception code, after ClickHouse's src/Server/HTTP/exceptionCodeToHTTPStatus.cpp; 500 otherwise. */
const STATUSES: ReadonlyArray<readonly [status: number, codes: readonly number[]]> = [
  [
    400,
    [
      6, 26, 27, 36, 38, 41, 42, 43, 44, 50, 53, 62, 63, 69, 70, 72, 115, 117, 130, 131, 132, 349, 376, 386,
      441, 456, 457,
    ],
  ],
  [403, [192, 193, 194, 497, 516]],
  [404, [16, 46, 47, 60, 81]],
  [408, [159]],
  [423, [373]],
  [501, [48]],
  [503, [202, 252, 279]],
  [507, [241]],
];

const STATUS_OF_CODE = new Map(
  STATUSES.flatMap(([status, codes]) => codes.map((code) => [code, status] as const)),
);

export interface ErrorReply {
  status: number;
  code: number;
  text: string;
}

/** What a client gets to see of an engine's error: status, code and the exception text it parses. */
export function toErrorReply(error: unknown): ErrorReply {
  const message = error instanceof Error ? error.message : String(error);
  const found = /Code: (\d+)\. DB::/.exec(message);
  const code = found === null ? 1002 : Number(found[1]);
  const text = found === null ? `Code: 1002. DB::Exception: ${message}. (UNKNOWN_EXCEPTION)` : message;
  return { status: STATUS_OF_CODE.get(code) ?? 500, code, text: `${text.trimEnd()}\n` };
}
