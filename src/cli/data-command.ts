import { defineCommandGroup } from './command.js';
import { command as align } from './data-align-command.js';
import { command as clean } from './data-clean-command.js';
import { command as prune } from './data-prune-command.js';
import { command as restore } from './data-restore-command.js';
import { command as split } from './data-split-command.js';
import { command as stats } from './data-stats-command.js';

export const command = defineCommandGroup([
  { usage: 'stats <set>', summary: 'Count identities, images, sizes and faces', command: stats },
  {
    usage: 'clean <set>',
    summary: 'Move aside images that are broken, doubled, mislabelled or without one face',
    command: clean,
  },
  {
    usage: 'align <set> <out>',
    summary: 'Cut the faces out of photographs, aligned for training',
    command: align,
  },
  {
    usage: 'prune <set>',
    summary: 'Move aside identities with too few images',
    command: prune,
  },
  {
    usage: 'split <set>',
    summary: 'Split images of each identity off, for validation or as probes',
    command: split,
  },
  {
    usage: 'restore <set>',
    summary: 'Move back what clean, prune or split moved',
    command: restore,
  },
]);
