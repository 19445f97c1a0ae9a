import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
/** Of the compiled program, which the tests' set-up makes. */
const SCRIPT = `import { pino } from 'pino';
import { configSchema } from './dist/config/schema.js';
import { MqttConnection } from './dist/mqtt/client.js';
const [, url, more] = process.argv;
const config = configSchema.parse({ mqtt: { url, ...JSON.parse(more) } }).mqtt;
const log = pino({ level: 'silent' });
new MqttConnection({ config, node: 'child', url, log, onConnect: () => {} }).start();
`;

/**
 * Starts a process with a connection of its own, for a test that kills it.
 *
 * @param mqtt More of that part of the configuration.
 */
export function startChildClient(url: string, mqtt: object = {}): ChildProcess {
  const args = ['--input-type=module', '-e', SCRIPT, url, JSON.stringify(mqtt)];
  return spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
}
