import type { CommandEntry } from './command.js';

/** Every command of `faceeval`, in the order of its help. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    usage: 'run',
    summary: 'Run the daemon: watch the cameras and publish hits',
    load: () => import('./run-command.js'),
  },
  {
    usage: 'status',
    summary: 'Show how the running daemon does',
    load: () => import('./status-command.js'),
  },
  {
    usage: 'watch',
    summary: 'Show hits as they come',
    load: () => import('./watch-command.js'),
  },
  {
    usage: 'logs',
    summary: 'Show the log of the service as it comes',
    load: () => import('./logs-command.js'),
  },
  {
    usage: 'enroll [name] [photos..]',
    summary: 'Add people to the gallery: from photos, at a camera, of a hit or a stranger',
    load: () => import('./enroll-command.js'),
  },
  {
    usage: 'identities [action] [name] [value]',
    summary: 'Show, rename or remove the people of the gallery, and keep their consent',
    load: () => import('./identities-command.js'),
  },
  {
    usage: 'strangers [action] [stranger] [to]',
    summary: 'Name, merge or ignore who was seen and is not known',
    load: () => import('./strangers-command.js'),
  },
  {
    usage: 'hits [action] [hit]',
    summary: 'List hits, and say which were wrong',
    load: () => import('./hits-command.js'),
  },
  {
    usage: 'forget <person>',
    summary: 'Erase a person wholly, and prove it',
    load: () => import('./forget-command.js'),
  },
  {
    usage: 'purge',
    summary: 'Delete old hits and strangers',
    load: () => import('./purge-command.js'),
  },
  {
    usage: 'backup [action] [name]',
    summary: 'List, make or restore backups of the gallery',
    load: () => import('./backup-command.js'),
  },
  {
    usage: 'calibrate',
    summary: 'Set the threshold from the distances of the people in the gallery',
    load: () => import('./calibrate-command.js'),
  },
  {
    usage: 'export [name]',
    summary: 'Write the gallery, or all that is known of one person, to an archive',
    load: () => import('./export-command.js'),
  },
  {
    usage: 'import <archive>',
    summary: 'Add the people of an archive to the gallery',
    load: () => import('./import-command.js'),
  },
  {
    usage: 'identify <images..>',
    summary: 'Say who is on pictures',
    load: () => import('./identify-command.js'),
  },
  {
    usage: 'detect <images..>',
    summary: 'Find the faces of pictures',
    load: () => import('./detect-command.js'),
  },
  {
    usage: 'verify <first> <second>',
    summary: 'Say whether two photos show one person',
    load: () => import('./verify-command.js'),
  },
  {
    usage: 'evaluate <protocol>',
    summary: 'Measure the accuracy on a public test set',
    load: () => import('./evaluate-command.js'),
  },
  {
    usage: 'data',
    summary: 'Clean, align, prune, split and count sets of photographs to train with',
    load: () => import('./data-command.js'),
  },
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
