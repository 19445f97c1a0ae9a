import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
/** Inside the repository, so that the compiled client finds its node_modules; git ignores it. */
const BUILD = join(ROOT, 'build/test-mqtt');

/** Starts a process with a connection of its own, for a test that kills it. */
export function startChildClient(url: string): ChildProcess {
  mkdirSync(BUILD, { recursive: true });
  const project = {
    extends: '../../tsconfig.build.json',
    compilerOptions: { rootDir: '../../src', outDir: 'out' },
    include: [],
    files: ['../../src/mqtt/client.ts', '../../src/config/schema.ts'],
  };
  writeFileSync(join(BUILD, 'tsconfig.json'), JSON.stringify(project));
  execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', BUILD]);
  writeFileSync(
    join(BUILD, 'main.js'),
    `import { pino } from 'pino';
import { configSchema } from './out/config/schema.js';
import { MqttConnection } from './out/mqtt/client.js';
const url = process.argv[2];
const config = configSchema.parse({ mqtt: { url } }).mqtt;
const log = pino({ level: 'silent' });
new MqttConnection({ config, node: 'child', url, log, onConnect: () => {} }).start();
`,
  );
  return spawn(process.execPath, [join(BUILD, 'main.js'), url], { stdio: 'inherit' });
}
