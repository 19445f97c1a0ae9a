/** Codes of every error that faceeval raises on purpose; docs/errors.md explains each. */
export type ErrorCode =
  | 'CONFIG'
  | 'MODEL'
  | 'CAMERA'
  | 'IMAGE'
  | 'ENROLMENT'
  | 'STORE'
  | 'MQTT'
  | 'VISION'
  | 'DAEMON'
  | 'USAGE';

/**
 * Exit codes follow sysexits.h, so that systemd and scripts can tell the kinds apart; 3 is what
 * `status` of a service says of one that does not run.
 */
const EXIT_CODES: Record<ErrorCode, number> = {
  DAEMON: 3,
  USAGE: 64,
  IMAGE: 65,
  ENROLMENT: 65,
  MODEL: 69,
  VISION: 70,
  STORE: 73,
  CAMERA: 74,
  MQTT: 76,
  CONFIG: 78,
};

/**
 * An error with a message for the user: what happened, and in `hint` what to do about it.
 */
export class FaceEvalError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'FaceEvalError';
    this.code = code;
    this.hint = options.hint;
  }

  /** Exit code of a command that ends with this error (sysexits.h). */
  get exitCode(): number {
    return EXIT_CODES[this.code];
  }
}

/** Whether a text is one of the codes. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(EXIT_CODES, text);
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
