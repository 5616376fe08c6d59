/**
 * Every fixture of a source tree is planned as `build plan --json` plans it, without any engine and without a network,
 * and compared with the strategy that a person chose by hand (`expect.json`) and with the plan beside it (`plan.json`).
 * `UPDATE_PLANS=1 npx vitest run test/plans.test.ts` writes the plans anew, to be read before they are committed.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { PlanContext } from '../src/builders/builder.ts';
import { builders } from '../src/builders/index.ts';
import { asDogwoodError, DogwoodError } from '../src/errors.ts';
import { chosenBuilder, detect } from '../src/pipeline/detect.ts';
import { planContext, planDocument, plannedDestinations } from '../src/pipeline/plan.ts';
import { withSession } from '../src/pipeline/session/session.ts';
import { STRATEGIES } from '../src/plan/request.ts';
import { startCommand } from './helpers/command.ts';
import { buildRequest, pipelineEnvironment } from './helpers/pipeline.ts';
import { temporaryFolder } from './helpers/temp.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures');

/** Where detection and the person disagree, and why it may be so: docs/detection.md. */
const KNOWN_MISSES = ['fly-builder-beside-dockerfile'];

const expectation = z.strictObject({
  /** Null where a person would build nothing of it as it stands. */
  chosenByHand: z.enum(STRATEGIES).nullable(),
  why: z.string(),
  /** The code with which nothing is planned. */
  error: z.string().optional(),
  /** Handed over as a tarball, its files in a folder of that name. */
  tarball: z.string().optional(),
});
type Expectation = z.infer<typeof expectation>;

const names = readdirSync(FIXTURES).filter((name) => !name.startsWith('slug-'));
const read = (name: string): Expectation =>
  expectation.parse(JSON.parse(readFileSync(join(FIXTURES, name, 'expect.json'), 'utf8')));

/** A copy of the fixture as it is handed over: below our own repository some tools would look further up. */
async function handOver(name: string, { tarball }: Expectation): Promise<string> {
  const folder = await temporaryFolder();
  await cp(join(FIXTURES, name, 'app'), join(folder, 'app'), { recursive: true, verbatimSymlinks: true });
  if (tarball === undefined) return join(folder, 'app');
  const file = join(folder, `${name}.tgz`);
  if (tarball !== '.' && tarball !== 'app') await rename(join(folder, 'app'), join(folder, tarball));
  const [inside, what] = tarball === '.' ? [join(folder, 'app'), '.'] : [folder, `./${tarball}`];
  execFileSync('tar', ['-czf', file, '-C', inside, what]);
  return file;
}

const noNetwork: PlanContext['resolveImage'] = async (reference) => {
  throw new DogwoodError('REGISTRY_UNREACHABLE', `no network for ${reference}`);
};

async function plan(name: string) {
  const source = await handOver(name, read(name));
  const home = await temporaryFolder();
  const environment = pipelineEnvironment(home, {
    engineVariables: { PATH: '', HOME: home },
    dockerHost: `unix://${home}/no-docker.sock`,
  });
  const request = buildRequest(source);
  return withSession(environment, async (session) => {
    const context = { ...planContext(session, request), resolveImage: noNetwork };
    const opened = await session.openSource(source);
    try {
      const detection = await detect(opened, request, builders, context);
      const { strategy, candidates } = detection;
      try {
        const chosen = chosenBuilder(detection, builders, opened);
        const plan = await chosen.plan(opened, request, context);
        return {
          strategy,
          document: planDocument(detection, plan, plannedDestinations(request, opened, plan)),
        };
      } catch (error) {
        return { strategy, ...failed(error), document: { candidates, error: failed(error).error } };
      }
    } catch (error) {
      return { strategy: undefined, ...failed(error), document: failed(error) };
    }
  });
}

function failed(thrown: unknown) {
  const { code, message } = asDogwoodError(thrown);
  return { error: { code, message } };
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe.each(names)('fixture %s', (name) => {
  test('is planned as it was', async () => {
    const expected = read(name);
    const { strategy, document, error } = { error: undefined, ...(await plan(name)) };
    if (!KNOWN_MISSES.includes(name)) expect(strategy ?? null).toBe(expected.chosenByHand);
    if (expected.error !== undefined) expect(error?.code).toBe(expected.error);
    expect(error?.code).not.toBe('INTERNAL');
    const file = join(FIXTURES, name, 'plan.json');
    if (process.env.UPDATE_PLANS === '1') {
      await writeFile(file, `${JSON.stringify(document, null, 2)}\n`);
      return;
    }
    expect(existsSync(file), 'there is no plan.json; see the head of this file').toBe(true);
    expect(plain(document)).toEqual(JSON.parse(await readFile(file, 'utf8')));
  });
});

describe('the fixtures', () => {
  test('are sixty and more, of which detection meets 98 of 100', () => {
    expect(names.length).toBeGreaterThanOrEqual(60);
    expect(KNOWN_MISSES.length / names.length).toBeLessThanOrEqual(0.02);
    expect(KNOWN_MISSES.filter((name) => !names.includes(name))).toEqual([]);
  });

  test('are planned by the command with no program on the PATH', async () => {
    const home = await temporaryFolder();
    const folder = await handOver('buildpacks-static', read('buildpacks-static'));
    const run = (source: string) =>
      startCommand(['plan', source, '--json'], { home, env: { PATH: join(home, 'nothing') } });
    const none = await run(folder);
    expect(none.exitCode).toBe(1);
    const { error } = JSON.parse(none.stdout) as { error: { code: string; message: string } };
    expect(error.code).toBe('SOURCE_UNSUPPORTED');
    for (const strategy of STRATEGIES) expect(error.message).toContain(`${strategy}: `);
  });

  test('hold no secret in any plan', () => {
    const plans = names.map((name) => join(FIXTURES, name, 'plan.json')).filter(existsSync);
    for (const file of plans) expect(readFileSync(file, 'utf8')).not.toMatch(/hunter2|\/tmp\//);
  });
});
