import { expect, it } from 'vitest';
import { withSession } from '../../src/pipeline/session.ts';
import { pipelineEnvironment } from '../helpers/pipeline.ts';
import { temporaryFolder } from '../helpers/temp.ts';

it('closes all that was opened, also where something of it cannot be closed', async () => {
  const environment = pipelineEnvironment(await temporaryFolder());
  const closed: string[] = [];
  const run = withSession(environment, async (session) => {
    session.defer(async () => void closed.push('first'));
    session.defer(() => Promise.reject(new Error('stuck')));
    session.defer(async () => void closed.push('last'));
    return session;
  });
  await expect(run).rejects.toThrow('stuck');
  expect(closed).toEqual(['last', 'first']);
});
