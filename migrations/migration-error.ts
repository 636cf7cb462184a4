/** A refused or failed migration. The message names the file and the next step, so it is shown to people as it is. */
export class MigrationError extends Error {
  /** File name or migration name the error is about; null when it is about the run as a whole. */
  readonly file: string | null;

  constructor(message: string, options: { file?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = "MigrationError";
    this.file = options.file ?? null;
  }
}
