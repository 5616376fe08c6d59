import { expect, test } from 'vitest';
import type { NetworkSettings } from '../../../src/net/settings.ts';
import { parseReference } from '../../../src/oci/reference.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import { publishTarget } from '../../../src/pipeline/places/publish.ts';

const to = (text: string, insecure: readonly string[] = [], hosts: NetworkSettings['hosts'] = {}) => {
  const target = createMemoryTarget();
  const reference = parseReference(text);
  return publishTarget({ kind: 'registry', region: null, reference, target, tag: 'v1' }, insecure, hosts);
};

test('an engine may push where it reaches the registry no otherwise than we do', () => {
  expect(to('registry.example/team/app')).toEqual({
    reference: 'registry.example/team/app:v1',
    insecure: false,
    loopback: false,
  });
  expect(to('127.0.0.1:5000/app')).toMatchObject({ insecure: false, loopback: true });
  expect(to('registry.example/app', ['registry.example'])).toMatchObject({ insecure: true, loopback: false });
  // Plain HTTP would be spoken there unasked.
  expect(to('10.1.2.3:5000/app')).toBeUndefined();
  expect(to('172.20.0.1/app')).toBeUndefined();
  expect(to('registry.local:5000/app')).toBeUndefined();
  expect(to('10.1.2.3:5000/app', ['10.1.2.3'])).toMatchObject({ insecure: true });
});

test('an engine does not push where it needs certificates that our config file names', () => {
  const settings = { ca: ['/ca.pem'] };
  expect(to('registry.example:5000/app', [], { 'registry.example': settings })).toBeUndefined();
  expect(to('registry.example:5000/app', [], { 'registry.example:5000': settings })).toBeUndefined();
  expect(to('registry.example:5000/app', [], { 'registry.example:5001': settings })).toBeDefined();
  expect(to('registry.example/app', [], { 'registry.example': { ca: [] } })).toBeDefined();
});

test('only a registry is pushed to', () => {
  expect(publishTarget(undefined, [], {})).toBeUndefined();
  expect(publishTarget({ kind: 'store', target: createMemoryTarget(), tag: 'v1' }, [], {})).toBeUndefined();
});
