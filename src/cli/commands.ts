import type { CommandEntry } from './command.js';

/** Every command of `faceeval`, in the order of its help. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    usage: 'doctor',
    summary: 'Check device, models, cameras and broker; explain the choice of models',
    load: () => import('./doctor-command.js'),
  },
  {
    usage: 'config <action>',
    summary: 'Check, print or describe the configuration',
    load: () => import('./config-command.js'),
  },
];
