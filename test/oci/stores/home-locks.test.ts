import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { holdName } from '../../../src/oci/stores/home-locks.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

describe('a name that is held in a home', () => {
  test('is waited for, and told of; another is not', async () => {
    const home = join(await temporaryFolder(), 'home');
    const { signal } = new AbortController();
    const waits: string[] = [];
    const waiting = Promise.withResolvers<void>();
    const onWait = (who: string): void => {
      waits.push(who);
      waiting.resolve();
    };
    const hold = (name: string, who: string) => holdName(home, name, { signal, onWait: () => onWait(who) });
    const first = await hold('app', 'first');
    (await hold('other', 'other')).release();
    let isIn = false;
    const second = hold('app', 'second').then((held) => {
      isIn = true;
      return held;
    });
    await waiting.promise;
    expect([isIn, waits]).toEqual([false, ['second']]);
    first.release();
    (await second).release();
    expect(waits).toEqual(['second']);
  });

  test('is waited for no longer than anybody wants it', async () => {
    const home = join(await temporaryFolder(), 'home');
    const controller = new AbortController();
    const options = { signal: controller.signal, onWait: () => controller.abort(new Error('enough')) };
    const first = await holdName(home, 'app', options);
    await expect(holdName(home, 'app', options)).rejects.toThrow('enough');
    first.release();
  });
});
