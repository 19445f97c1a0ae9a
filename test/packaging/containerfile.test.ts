import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const containerfile = readFileSync(join(ROOT, 'Containerfile'), 'utf8');
const page = readFileSync(join(ROOT, 'docs/container.md'), 'utf8');

describe('the container image', () => {
  it('starts with a process that asks how the decoders of a crashed vision process ended', () => {
    expect(containerfile).toMatch(/apt-get install [^&]*\btini\b/);
    expect(containerfile).toMatch(/^ENTRYPOINT \["tini", "--", "faceeval"\]$/m);
  });

  it('is built by the documented commands in a format that keeps its health check', () => {
    expect(containerfile).toMatch(/^HEALTHCHECK /m);
    const commands = [
      ...containerfile.matchAll(/podman build .*/g),
      ...page.matchAll(/podman build .*/g),
    ];
    expect(commands.length).toBeGreaterThan(2);
    for (const [command] of commands) expect(command).toContain('--format docker');
  });

  it('gets the group of the camera in a way that works as root, too', () => {
    const snippets = [...page.matchAll(/^```\w+\n(.*?)^```$/gms)].map(([, text = '']) => text);
    expect(snippets.filter((text) => text.includes('keep-groups'))).toEqual([]);
  });
});
