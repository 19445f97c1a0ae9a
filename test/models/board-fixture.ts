import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DeviceProbe } from '../../src/models/device-probe.js';
import type { Provider } from '../../src/models/inference-session.js';

interface BoardFile {
  readonly architecture: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly providers: readonly Provider[];
  readonly files: Readonly<Record<string, string>>;
  readonly folders: Readonly<Record<string, readonly string[]>>;
}

/** The files of a board in test/fixtures/boards, as device detection reads them. */
export function boardProbe(name: string): DeviceProbe {
  const path = join(import.meta.dirname, '../fixtures/boards', `${name}.json`);
  const board = JSON.parse(readFileSync(path, 'utf8')) as BoardFile;
  return {
    ...board,
    read: (file) => board.files[file] ?? null,
    list: (folder) => board.folders[folder] ?? [],
  };
}
