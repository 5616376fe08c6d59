import { describe, expect, test } from 'vitest';
import { runBuild } from '../../../src/pipeline/build.ts';
import { planBuild } from '../../../src/pipeline/plan.ts';
import type { BuildEvent } from '../../../src/plan/events.ts';
import { testApp } from '../../helpers/buildpacks-builder.ts';
import { type BuildpacksRun, commandLines, LIMIT_MS, lines } from '../../helpers/buildpacks-run.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

const SECRET = 'open-sesame-8431';

/** Variables of the build, whose values are secrets. */
export function variableTests(run: BuildpacksRun): void {
  const { succeed, environmentOf, requestOf } = run;

  describe('variables', () => {
    test('reach the buildpacks, and neither an argument, a log, the plan nor the image', {
      timeout: LIMIT_MS,
    }, async () => {
      const app = await testApp('print-values', 'slow');
      const env = { APP_KEY: SECRET, DOCKER_TOKEN: `${SECRET}-2`, MANY: `${SECRET}\nof two lines` };
      const abort = new AbortController();
      let seen: Promise<readonly string[]> | undefined;
      const events: BuildEvent[] = [];
      const environment = environmentOf(await temporaryFolder(), {
        signal: abort.signal,
        emit(event) {
          events.push(event);
          if (event.type !== 'log' || event.line !== 'building for ever') return;
          seen ??= commandLines().finally(() => abort.abort(new Error('seen enough')));
        },
      });
      await expect(runBuild(requestOf(app, { env }), environment)).rejects.toThrow();
      const running = (await seen) ?? [];
      expect(running.filter((line) => line.includes(`build dogwood.local/build/`))).toHaveLength(1);
      expect(running.filter((line) => line.includes(SECRET))).toEqual([]);
      expect(lines(events, 'build').join('\n')).toContain('platform env: APP_KEY DOCKER_TOKEN MANY');
      expect(lines(events, 'build')).toContain('***');
      expect(JSON.stringify(events)).not.toContain(SECRET);
      const { plan } = await planBuild(requestOf(app, { env }), environmentOf(await temporaryFolder()));
      expect(plan.details).toMatchObject({ env: ['APP_KEY', 'DOCKER_TOKEN', 'MANY'] });
      expect(JSON.stringify(plan)).not.toContain(SECRET);
    });

    test('are not in the image', { timeout: LIMIT_MS }, async () => {
      const name = 'buildpacks-build/secretless:v1';
      const env = { APP_KEY: SECRET };
      const { result } = await succeed(await testApp(), { env, output: `docker-daemon:${name}` });
      const about = await Promise.all([
        run.engine.docker('image', 'inspect', name),
        run.engine.docker('image', 'history', '--no-trunc', name),
      ]);
      expect(about.join('\n') + JSON.stringify(result)).not.toContain(SECRET);
    });
  });
}
