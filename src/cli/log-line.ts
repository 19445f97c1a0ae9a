import { localTime } from './time-words.js';

const LEVELS: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'ERROR',
  60: 'FATAL',
};

/** What every line has, and what is told elsewhere. */
const COMMON = new Set(['level', 'time', 'msg', 'pid', 'hostname', 'err']);

interface LogRecord extends Readonly<Record<string, unknown>> {
  readonly level: number;
  readonly time: number;
  readonly msg?: string;
  readonly err?: { readonly message?: string; readonly stack?: string };
}

/** A line of the daemon's log for people; what is none of its lines stays as it is. */
export function logLine(line: string): string {
  const record = recordOf(line);
  if (record === undefined) return line;
  const { level, time, msg = '', err } = record;
  const more = Object.entries(record)
    .filter(([key]) => !COMMON.has(key))
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const head = `${localTime(time)} ${(LEVELS[level] ?? String(level)).padEnd(5)} ${msg}`;
  const text = more.length === 0 ? head : `${head}  (${more.join(', ')})`;
  return err === undefined ? text : `${text}\n${err.stack ?? err.message ?? ''}`;
}

function recordOf(line: string): LogRecord | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value = JSON.parse(line) as Partial<LogRecord>;
    const known = typeof value.level === 'number' && typeof value.time === 'number';
    return known ? (value as LogRecord) : undefined;
  } catch {
    return undefined;
  }
}
