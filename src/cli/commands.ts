import type { CommandEntry } from './command.js';

/** Every command of `faceeval`, in the order of its help. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    usage: 'config <action>',
    summary: 'Check, print or describe the configuration',
    load: () => import('./config-command.js'),
  },
];
