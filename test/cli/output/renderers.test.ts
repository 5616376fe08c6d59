import { describe, expect, test } from 'vitest';
import { createJsonRenderer } from '../../../src/cli/output/json.ts';
import { openRenderer } from '../../../src/cli/output/open-renderer.ts';
import { createPlainRenderer } from '../../../src/cli/output/plain.ts';
import type { RenderContext } from '../../../src/cli/output/renderer.ts';
import { createTtyRenderer } from '../../../src/cli/output/tty.ts';
import type { BuildEvent } from '../../../src/plan/events.ts';
import type { ResultReference } from '../../../src/plan/result.ts';
import { createFakeClock, createFakeHost } from '../fake-host.ts';

function createContext(colour = false) {
  const time = createFakeClock();
  const writes: { readonly at: number; readonly text: string }[] = [];
  let columns = 80;
  const context: RenderContext = {
    write: (text) => void writes.push({ at: time.clock(), text }),
    clock: time.clock,
    every: time.every,
    columns: () => columns,
    colour,
  };
  return {
    ...time,
    context,
    writes,
    text: () => writes.map(({ text }) => text).join(''),
    resize(to: number) {
      columns = to;
    },
  };
}

const started: BuildEvent = { type: 'step', step: 'build', state: 'started' };
const finished: BuildEvent = { type: 'step', step: 'build', state: 'finished' };
const task = (
  id: string,
  state: 'started' | 'finished' | 'cached' | 'failed',
  took: number | null,
): BuildEvent => ({
  type: 'task',
  step: 'build',
  id,
  name: `RUN ${id}`,
  state,
  milliseconds: took,
});
const progress = (bytes: number, total: number | null, transfer = 'slug.tgz', done = false): BuildEvent => ({
  type: 'progress',
  step: 'build',
  transfer,
  bytes,
  total,
  done,
});

function region(
  state: 'started' | 'available' | 'failed',
  of: number,
  changes: Partial<ResultReference> = {},
): BuildEvent {
  const names = { region: 'fra', reference: 'r.example/app@sha256:0', tag: 'r.example/app:v1' };
  const event = { type: 'region', transfer: 'fra', of, ...names } as const;
  if (state === 'started') return { ...event, state };
  const error =
    state === 'available'
      ? null
      : ({ code: 'REGISTRY_UNREACHABLE', message: 'no answer', hint: 'h', step: 'push' } as const);
  const counts = { uploadedBytes: 12_300_000, skippedBytes: 80_000_000, milliseconds: 1_200 };
  return { ...event, state, ...counts, error, ...changes };
}

/** What a terminal shows after all that was written: a screen with up, clear-below and the wrapping switch. */
function screen(text: string): string[] {
  const lines = [''];
  let row = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the terminal's language
  for (const [token] of text.matchAll(/\x1b\[[?0-9;]*[A-Za-z]|\n|\r|[^\x1b\n\r]+/g)) {
    if (token === '\n') {
      row++;
      lines[row] ??= '';
    } else if (token.endsWith('A') && token.startsWith('\x1b')) row -= Number(token.slice(2, -1));
    else if (token === '\x1b[0J') lines.splice(row, lines.length, '');
    else if (!token.startsWith('\x1b') && token !== '\r') lines[row] += token;
  }
  return lines.slice(0, -1);
}

describe('plain', () => {
  test('one line per step, notes and warnings as they come', () => {
    const { context, advance, text } = createContext();
    const renderer = createPlainRenderer(context);
    renderer.event(started);
    advance(2_300);
    renderer.event({ type: 'note', step: 'build', message: 'kept the slug as it is' });
    renderer.event({ type: 'warning', code: 'STACK_EOL', message: 'heroku-18 is past its end of life' });
    renderer.event({ type: 'log', step: 'build', stream: 'stderr', line: 'hello' });
    renderer.event(finished);
    renderer.end();
    expect(text()).toBe(
      [
        'build: kept the slug as it is',
        'warning[STACK_EOL]: heroku-18 is past its end of life',
        'build| hello',
        'build: done in 2.3 s',
        '',
      ].join('\n'),
    );
  });

  test('a failed step says so', () => {
    const { context, advance, text } = createContext();
    const renderer = createPlainRenderer(context);
    renderer.event(started);
    advance(61_000);
    renderer.event({ type: 'step', step: 'build', state: 'failed' });
    expect(text().split('\n').at(-2)).toBe('build: failed after 1 min 1 s');
  });

  test('a heartbeat every 30 s, with what moves and how fast', () => {
    const { context, advance, writes, running } = createContext();
    const renderer = createPlainRenderer(context);
    renderer.event(started);
    for (let second = 1; second <= 65; second++) {
      advance(1_000);
      renderer.event(progress(second * 1_000_000, 100_000_000));
    }
    expect(writes).toEqual([
      {
        at: 30_000,
        text: 'build: running for 30 s; slug.tgz 29.0 MB of 100.0 MB, 833.3 kB/s, 1 min 25 s left\n',
      },
      {
        at: 60_000,
        text: expect.stringMatching(/^build: running for 1 min; slug\.tgz 59\.0 MB of 100\.0 MB/),
      },
    ]);
    renderer.end();
    expect(running()).toBe(0);
  });

  test('tasks of an engine: when they start, how they end, and in the heartbeat while they run', () => {
    const { context, advance, text } = createContext();
    const renderer = createPlainRenderer(context);
    renderer.event(started);
    renderer.event(task('a', 'cached', null));
    renderer.event(task('b', 'started', null));
    advance(30_000);
    renderer.event(task('b', 'finished', 31_000));
    renderer.event(task('c', 'failed', 1_500));
    renderer.end();
    expect(text().split('\n')).toEqual([
      'build: RUN a: cached',
      'build: RUN b',
      'build: running for 30 s; RUN b for 30 s',
      'build: RUN b: done in 31 s',
      'build: RUN c: failed after 1.5 s',
      '',
    ]);
  });

  test('what became of each region; of a single registry the end of the step says enough', () => {
    const { context, text } = createContext();
    const renderer = createPlainRenderer(context);
    renderer.event(region('started', 2));
    renderer.event(region('available', 2));
    renderer.event(region('available', 2, { region: null, uploadedBytes: null, skippedBytes: null }));
    renderer.event(region('failed', 2, { region: 'iad\x1b[2J' }));
    renderer.event(region('available', 1));
    renderer.end();
    expect(text().split('\n')).toEqual([
      'push: fra available (12.3 MB sent, 80.0 MB there already, 1.2 s, 10.3 MB/s)',
      'push: r.example/app:v1 available (sent by the engine)',
      'push: iad\\x1b[2J failed after 1.2 s (REGISTRY_UNREACHABLE: no answer; 12.3 MB sent)',
      '',
    ]);
  });

  test('silent when nothing runs', () => {
    const { context, advance, writes } = createContext();
    const renderer = createPlainRenderer(context);
    advance(120_000);
    renderer.end();
    expect(writes).toEqual([]);
  });

  test('control characters of strangers are shown, not obeyed', () => {
    const { context, text } = createContext();
    const renderer = createPlainRenderer(context);
    renderer.event({ type: 'note', step: 'build', message: '\x1b[2J\rall fine' });
    renderer.event({ type: 'warning', code: 'X', message: 'app/\x1b]0;pwned\x07' });
    expect(text()).toBe('build: \\x1b[2J\\x0dall fine\nwarning[X]: app/\\x1b]0;pwned\\x07\n');
  });
});

describe('tty', () => {
  test('a terminal without a size has room for a line', () => {
    const { host, texts, time } = createFakeHost({ arguments: [], stderr: { isTTY: true } });
    Object.assign(host.stderr, { columns: 0 });
    const renderer = openRenderer(host, 'tty');
    renderer.event(started);
    time.advance(100);
    renderer.end();
    expect(texts.stderr).toContain('build  0.1 s');
  });

  test('a region that failed moves no more', () => {
    const { context, advance, text } = createContext();
    const renderer = createTtyRenderer(context);
    renderer.event({ type: 'step', step: 'push', state: 'started' });
    for (const transfer of ['fra', 'iad']) {
      renderer.event({ type: 'progress', step: 'push', transfer, bytes: 1, total: 9, done: false });
    }
    renderer.event(region('failed', 2));
    advance(100);
    expect(screen(text())).toEqual([
      'push: fra failed after 1.2 s (REGISTRY_UNREACHABLE: no answer; 12.3 MB sent)',
      'push  0.1 s',
      '  [==              ] iad 1 B of 9 B',
    ]);
    renderer.end();
  });

  test('what is done scrolls up, what runs is redrawn below it', () => {
    const { context, advance, text } = createContext();
    const renderer = createTtyRenderer(context);
    renderer.event({ type: 'step', step: 'detect', state: 'started' });
    advance(300);
    renderer.event({ type: 'step', step: 'detect', state: 'finished' });
    renderer.event(started);
    for (let i = 1; i <= 20; i++) {
      advance(100);
      renderer.event(progress(i * 4_000_000, 160_000_000));
      renderer.event(progress(i * 1_000, null, 'base'));
    }
    advance(100);
    expect(screen(text())).toEqual([
      'detect: done in 0.3 s',
      'build  2.1 s',
      '  [========        ] slug.tgz 80.0 MB of 160.0 MB, 38.0 MB/s, 2.1 s left',
      '  base 20.0 kB, 9.5 kB/s',
    ]);
    renderer.event(finished);
    renderer.end();
    expect(screen(text())).toEqual(['detect: done in 0.3 s', 'build: done in 2.1 s']);
  });

  test('tasks that run stand below, and scroll up when they are over', () => {
    const { context, advance, text } = createContext();
    const renderer = createTtyRenderer(context);
    renderer.event(started);
    renderer.event(task('a', 'started', null));
    advance(2_000);
    expect(screen(text())).toEqual(['build  2.0 s', '  RUN a  2.0 s']);
    renderer.event(task('a', 'finished', 2_000));
    advance(1_000);
    expect(screen(text())).toEqual(['build: RUN a: done in 2.0 s', 'build  3.0 s']);
    renderer.event(task('left', 'started', null));
    renderer.event(finished);
    advance(1_000);
    expect(screen(text())).toEqual(['build: RUN a: done in 2.0 s', 'build: done in 3.0 s']);
    renderer.end();
  });

  test('at most ten redraws a second, however many events', () => {
    const { context, advance, writes } = createContext();
    const renderer = createTtyRenderer(context);
    renderer.event(started);
    for (let i = 0; i < 1_000; i++) {
      advance(1);
      renderer.event(progress(i, 1_000));
    }
    expect(writes.length).toBeLessThanOrEqual(10);
    expect(writes.length).toBeGreaterThanOrEqual(9);
  });

  test('lines are cut to the width of the terminal, and wrapping is off while they stand', () => {
    const { context, advance, text, resize, writes } = createContext();
    resize(20);
    const renderer = createTtyRenderer(context);
    renderer.event(started);
    renderer.event(progress(1, 2, 'a-very-long-name-of-a-layer'));
    advance(100);
    for (const line of screen(text())) expect(line.length).toBeLessThan(20);
    expect(writes[0]?.text.split('\x1b[?7l')[1]).toContain('a-very-long');
    expect(writes[0]?.text.endsWith('\x1b[?7h')).toBe(true);
  });

  test('many transfers are summed up', () => {
    const { context, advance, text } = createContext();
    const renderer = createTtyRenderer(context);
    renderer.event(started);
    for (let i = 0; i < 30; i++) renderer.event(progress(i, 100, `layer ${i}`));
    advance(100);
    expect(screen(text())).toHaveLength(10);
    expect(screen(text()).at(-1)).toBe('  and 22 more');
    renderer.event(progress(100, 100, 'layer 0', true));
    advance(100);
    expect(screen(text()).at(-1)).toBe('  and 21 more');
  });

  test('a rate that stalls falls to nothing', () => {
    const { context, advance, text } = createContext();
    const renderer = createTtyRenderer(context);
    renderer.event(started);
    renderer.event(progress(0, 100_000_000));
    advance(1_000);
    renderer.event(progress(10_000_000, 100_000_000));
    advance(60_000);
    expect(screen(text()).at(-1)).toContain('163.9 kB/s');
  });

  test('colours only when allowed, and names cannot bring their own', () => {
    for (const colour of [false, true]) {
      const { context, text } = createContext(colour);
      const renderer = createTtyRenderer(context);
      renderer.event({ type: 'warning', code: 'X', message: '\x1b[31mred' });
      renderer.end();
      expect(text().includes('\x1b[33m')).toBe(colour);
      expect(text()).not.toContain('\x1b[31m');
    }
  });
});

describe('json', () => {
  test('one line per event, the events as they are', () => {
    const { context, text } = createContext();
    const renderer = createJsonRenderer(context);
    const events = [started, progress(5, null, 'a\u009b\nb'), finished];
    for (const event of events) renderer.event(event);
    const lines = text().trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(events);
    expect(text()).not.toContain('\u009b');
  });
});
