import { describe, expect, it } from 'vitest';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import {
  choosePlatform,
  formatPlatform,
  hostPlatform,
  parsePlatform,
  platformMatches,
} from '../../src/oci/platform.ts';
import { describeBytes, TYPES } from '../helpers/small-image.ts';

const entry = (platform?: string): Descriptor => ({
  ...describeBytes(platform ?? 'none', TYPES.manifest),
  ...(platform === undefined ? {} : { platform: split(platform) }),
});

/** As a document has it, nothing normalised. */
function split(text: string) {
  const [os = '', architecture = '', variant] = text.split('/');
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

describe('parsePlatform', () => {
  it.each([
    ['linux/amd64', 'linux/amd64'],
    ['linux/x86_64', 'linux/amd64'],
    ['Linux/aarch64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/arm64/8', 'linux/arm64'],
    ['linux/arm64/v9', 'linux/arm64/v9'],
    ['linux/arm/v7', 'linux/arm'],
    ['linux/armhf', 'linux/arm'],
    ['linux/armel', 'linux/arm/v6'],
    ['linux/amd64/v3', 'linux/amd64/v3'],
    ['windows/amd64', 'windows/amd64'],
  ])('%s is %s', (text, formatted) => {
    expect(formatPlatform(parsePlatform(text))).toBe(formatted);
  });

  it.each(['', 'linux', 'linux/', '/amd64', 'a/b/c/d', 'linux/am d64'])('refuses %j', (text) => {
    expect(() => parsePlatform(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('choosePlatform', () => {
  const choose = (wanted: string | undefined, offered: (string | undefined)[]): string | undefined => {
    const chosen = choosePlatform(offered.map(entry), wanted ? parsePlatform(wanted) : undefined, 'x');
    return chosen.platform && formatPlatform(chosen.platform);
  };

  it.each([
    ['linux/arm64', ['linux/amd64', 'linux/arm64/v8'], 'linux/arm64/v8'],
    ['linux/arm64/v8', ['linux/amd64', 'linux/arm64'], 'linux/arm64'],
    ['linux/arm/v7', ['linux/arm/v5', 'linux/arm/v6', 'linux/arm64'], 'linux/arm/v6'],
    ['linux/arm/v6', ['linux/arm/v7', 'linux/arm/v5'], 'linux/arm/v5'],
    ['linux/amd64', ['linux/amd64/v3', 'linux/amd64/v2', 'linux/amd64'], 'linux/amd64'],
    ['linux/amd64/v3', ['linux/amd64', 'linux/amd64/v2', 'linux/amd64/v4'], 'linux/amd64/v2'],
    ['linux/amd64', ['unknown/unknown', 'linux/amd64'], 'linux/amd64'],
    [undefined, ['unknown/unknown', 'linux/s390x'], 'linux/s390x'],
  ])('for %s among %j takes %s', (wanted, offered, chosen) => {
    expect(choose(wanted, offered)).toBe(chosen);
  });

  it('takes this machine of several when none is asked for', () => {
    const host = formatPlatform(hostPlatform());
    expect(choose(undefined, ['linux/riscv64', host])).toBe(host);
  });

  it('takes the only entry although it states no platform', () => {
    expect(choose('linux/arm64', [undefined])).toBeUndefined();
  });

  it.each([
    ['linux/arm64', ['linux/amd64', 'windows/amd64', 'unknown/unknown'], 'it has linux/amd64, windows/amd64'],
    ['linux/amd64', ['linux/amd64/v3'], 'it has linux/amd64/v3'],
    ['linux/arm64', ['linux/arm/v7'], 'it has linux/arm/v7'],
    ['linux/amd64', [], 'it has no image'],
  ])('for %s among %j says %s', (wanted, offered, message) => {
    expect(() => choose(wanted, offered)).toThrow(
      expect.objectContaining({ code: 'PLATFORM_NOT_FOUND', message: expect.stringContaining(message) }),
    );
  });

  it('knows what runs where', () => {
    expect(platformMatches(split('linux/x86_64'), parsePlatform('linux/amd64'))).toBe(true);
    expect(platformMatches(split('linux/amd64/v3'), parsePlatform('linux/amd64'))).toBe(false);
  });
});
