import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { runProcess } from '../../src/engines/process.ts';

const node = process.execPath;
const script = (code: string) => ['-e', code];
const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

/** True while the process exists and is no zombie. */
async function lives(pid: number): Promise<boolean> {
  try {
    return !/^State:\s+Z/m.test(await readFile(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function gone(pid: number): Promise<boolean> {
  for (let i = 0; i < 500; i++) {
    if (!(await lives(pid))) return true;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}

/** A leader that starts a child in its group, prints the child's pid, and waits for ever; neither minds SIGTERM. */
const STUBBORN = `
  process.on('SIGTERM', () => {});
  const c = require('node:child_process').spawn(process.execPath,
    ['-e', "process.on('SIGTERM', () => {}); console.log(process.pid); setInterval(() => {}, 1000)"],
    { stdio: ['ignore', 'inherit', 'ignore'] });
  setInterval(() => {}, 1000);
`;

describe('runProcess', () => {
  test('gives output and exit code, whichever it is', async () => {
    const result = await runProcess(node, script('console.log(1); console.error(2); process.exitCode = 7'));
    expect(result).toEqual({ exitCode: 7, stdout: '1\n', stderr: '2\n', truncated: false });
  });

  test('hands on bytes and streams as standard input', async () => {
    const cat = script('process.stdin.pipe(process.stdout)');
    expect((await runProcess(node, cat, { input: 'abc' })).stdout).toBe('abc');
    expect((await runProcess(node, cat, { input: Readable.from(['x', 'y']) })).stdout).toBe('xy');
    expect((await runProcess(node, cat)).stdout).toBe('');
  });

  test('outlives a tool that closes its input early', async () => {
    const big = Buffer.alloc(4 * 1024 * 1024);
    const result = await runProcess(node, script('process.stdin.destroy(); process.exitCode = 3'), {
      input: big,
    });
    expect(result.exitCode).toBe(3);
  });

  test('keeps the last bytes of what has no end', async () => {
    const result = await runProcess(node, script("process.stdout.write('a'.repeat(300_000) + 'end')"), {
      maxOutputBytes: 1000,
    });
    expect(result.truncated).toBe(true);
    expect(result.stdout).toHaveLength(1000);
    expect(result.stdout.endsWith('aend')).toBe(true);
  });

  test('gives the tool no environment but the one named', async () => {
    const result = await runProcess(node, script('console.log(JSON.stringify(process.env))'), {
      env: { ONLY: 'this' },
    });
    expect(JSON.parse(result.stdout)).toEqual({ ONLY: 'this' });
  });

  test('says ENGINE_MISSING, and never an argument', async () => {
    await expect(runProcess('no-such-tool', ['--password', 's3cret'])).rejects.toMatchObject({
      code: 'ENGINE_MISSING',
      message: 'no-such-tool was not found on the PATH',
    });
    const error = await runProcess(node, [...script("process.kill(process.pid, 'SIGKILL')"), 's3cret']).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: 'ENGINE_FAILED', message: 'node was ended by SIGKILL' });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('s3cret');
  });

  test('an abort ends the whole group, the stubborn too', async () => {
    const controller = new AbortController();
    let pid = 0;
    const reason = new Error('enough');
    const running = runProcess(node, script(STUBBORN), {
      signal: controller.signal,
      graceMs: 50,
      onOutput: (_stream, bytes) => {
        pid = Number(Buffer.from(bytes).toString());
        controller.abort(reason);
      },
    });
    await expect(running).rejects.toBe(reason);
    expect(pid).toBeGreaterThan(0);
    expect(await gone(pid)).toBe(true);
  });

  test('a deadline ends it with TIMEOUT', async () => {
    const running = runProcess(node, script('setInterval(() => {}, 1000)'), { timeoutMs: 20, graceMs: 20 });
    await expect(running).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  test('what a finished tool left behind in its group is ended', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dogwood-process-'));
    folders.push(folder);
    const result = await runProcess(
      node,
      script(`
        const c = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'],
          { stdio: 'inherit' });
        console.log(c.pid); c.unref();
      `),
    );
    expect(await gone(Number(result.stdout))).toBe(true);
  });

  test('does not start at all once aborted', async () => {
    await expect(
      runProcess('no-such-tool', [], { signal: AbortSignal.abort(new Error('no')) }),
    ).rejects.toThrow('no');
  });
});
