import { expect, test } from 'vitest';
import type { EngineProgress } from '../../../src/engines/dockerfile/engine.ts';
import { createSolveOutput } from '../../../src/engines/dockerfile/solve-output.ts';

test('lines of status are read, whatever Go leaves out; all others are text', () => {
  const seen: EngineProgress[] = [];
  const output = createSolveOutput((progress) => seen.push(progress));
  const started = '2020-01-01T00:00:00Z';
  const lines = [
    JSON.stringify({ vertexes: [{ digest: 'd', name: '[1/1] RUN x', started, inputs: null }], logs: null }),
    JSON.stringify({ logs: [{ vertex: 'd', stream: 2, data: Buffer.from('hello\n').toString('base64') }] }),
    JSON.stringify({ logs: [{ vertex: 'd', stream: 1, data: null, timestamp: started }] }),
    JSON.stringify({ vertexes: [{ digest: 'd', name: '[1/1] RUN x', started, completed: started }] }),
    '{"vertexes":[{"digest":7}]}',
    '{no json',
    'error: it failed',
  ];
  output.push(Buffer.from(lines.join('\n')));
  output.end();
  expect(seen.map((each) => ('line' in each ? each.line : 'state' in each ? each.state : ''))).toEqual([
    'started',
    'hello',
    'finished',
  ]);
  expect(output.text()).toBe('{"vertexes":[{"digest":7}]}\n{no json\nerror: it failed\n');
});
