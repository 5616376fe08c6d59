import { describe, expect, onTestFinished, test } from 'vitest';
import { createPack } from '../../../src/engines/pack/pack.ts';
import { testApp } from '../../helpers/buildpacks-builder.ts';
import { type BuildpacksRun, LIMIT_MS } from '../../helpers/buildpacks-run.ts';
import { startRegistry } from '../../helpers/registry.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

/** The wrapper of the CLI, without the builder around it. */
export function wrapperTests(run: BuildpacksRun): void {
  const { environmentOf, pack } = run;

  describe('pack itself', () => {
    const wrapper = (variables: Readonly<Record<string, string>>) => createPack({ file: pack, variables });

    test('builds an image, and says what is in it', { timeout: LIMIT_MS }, async () => {
      const { build: buildImage, inspect, trustedBuilders } = wrapper(environmentOf('').engineVariables);
      expect(await trustedBuilders()).toContain('heroku/builder:24');
      const phases: string[] = [];
      const options = {
        path: await testApp(),
        builder: run.made.builder,
        trustBuilder: true,
        pullPolicy: 'never',
        buildpacks: [],
        env: [],
        buildCache: 'dogwood-cache-wrapper.build',
        launchCache: 'dogwood-cache-wrapper.launch',
        clearCache: false,
        reportFolder: await temporaryFolder(),
      } as const;
      // pack inspect asks the image's registry as well.
      const registry = await startRegistry({ kind: 'distribution3' });
      onTestFinished(() => registry.stop());
      const image = `${registry.host}/wrapped:v1`;
      const result = await buildImage(image, options, { onPhase: (phase) => phases.push(phase) });
      expect(phases).toEqual(['analyze', 'detect', 'restore', 'build', 'export']);
      if (result.status === 'failed') throw new Error(result.lastLines.join('\n'));
      expect(result.report.tags).toEqual([image]);
      const { processes: found } = await inspect(image);
      expect(found.map(({ type, default: first }) => [type, first])).toEqual([
        ['web', true],
        ['worker', false],
      ]);
      await expect(inspect(`${registry.host}/none:v1`)).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    });

    test('says its version', async () => {
      const { version } = wrapper({ PATH: process.env.PATH ?? '', HOME: await temporaryFolder() });
      expect(await version()).toMatch(/^\d+\.\d+\.\d+/);
    });
  });
}
