/** What a check looked at. */
export type Area = 'system' | 'device' | 'models' | 'state' | 'cameras' | 'mqtt' | 'config';

/** One thing that the doctor found. */
export interface Finding {
  readonly area: Area;
  /** A problem keeps faceeval from working; a warning does not. */
  readonly level: 'ok' | 'warning' | 'problem';
  readonly text: string;
  /** What to do about it. */
  readonly hint?: string;
}

export const ok = (area: Area, text: string): Finding => ({ area, level: 'ok', text });

export const warning = (area: Area, text: string, hint: string): Finding => ({
  area,
  level: 'warning',
  text,
  hint,
});

export const problem = (area: Area, text: string, hint: string): Finding => ({
  area,
  level: 'problem',
  text,
  hint,
});
