import { describe, expect, it } from 'vitest';
import { YamlFile } from '../../src/config/yaml-file.js';

describe('YamlFile', () => {
  it('follows aliases', () => {
    const text = 'cameras:\n  - &a { id: door }\n  - *a\n';
    expect(YamlFile.parse('x.yaml', text).toValue()).toEqual({
      cameras: [{ id: 'door' }, { id: 'door' }],
    });
  });

  it.each([
    ['an alias without anchor', 'cameras: *door\n'],
    [
      'aliases that unfold without end',
      `a: &a [x, x]\n${[...'bcdefghijk'].map((key, at) => `${key}: &${key} [${`*${'abcdefghijk'[at]}, `.repeat(9)}]`).join('\n')}\n`,
    ],
  ])('refuses %s with a message that says what to do', (_what, text) => {
    const file = YamlFile.parse('x.yaml', text);
    expect(() => file.toValue()).toThrow(
      expect.objectContaining({
        code: 'CONFIG',
        message: expect.stringMatching(/^x\.yaml: .*alias/i),
        hint: expect.stringContaining('anchor'),
      }),
    );
  });
});
