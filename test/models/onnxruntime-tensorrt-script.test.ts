import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SCRIPT = join(import.meta.dirname, '../../scripts/cross-build/onnxruntime-tensorrt');

let checkout: string;
let source: string;
beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), 'faceeval-ort-'));
  mkdirSync(join(checkout, 'js/node/src'), { recursive: true });
  source = join(checkout, 'js/node/src/session_options_helper.cc');
});
afterEach(() => rmSync(checkout, { recursive: true, force: true }));

/** As far as the script looks at the binding's source. */
const BINDING = `#include <unordered_map>
void parse() {
  options->device_id = deviceId;
  sessionOptions.AppendExecutionProvider_TensorRT_V2(*options);
}
`;

describe('scripts/cross-build/onnxruntime-tensorrt', () => {
  it('lets the binding hand trt_ options on before the provider is appended, once', () => {
    writeFileSync(source, BINDING);
    execFileSync(SCRIPT, ['--patch-only', checkout]);
    const once = readFileSync(source, 'utf8');
    execFileSync(SCRIPT, ['--patch-only', checkout]);
    expect(readFileSync(source, 'utf8')).toBe(once);
    expect(once).toContain('#include <vector>');
    const update = once.indexOf('UpdateTensorRTProviderOptions(options');
    expect(update).toBeGreaterThan(once.indexOf('device_id = deviceId'));
    expect(update).toBeLessThan(once.indexOf('AppendExecutionProvider_TensorRT_V2'));
  });

  it('stops at a source that it does not know', () => {
    writeFileSync(source, 'void parse() {}\n');
    const { status, stderr } = spawnSync(SCRIPT, ['--patch-only', checkout], { encoding: 'utf8' });
    expect(status).toBe(69);
    expect(stderr).toContain('has changed');
  });

  it.skipIf(process.arch === 'arm64')('says that it belongs on the Jetson', () => {
    const { status, stderr } = spawnSync(SCRIPT, [], { encoding: 'utf8', cwd: checkout });
    expect(status).toBe(69);
    expect(stderr).toContain('run it on the Jetson');
  });
});
