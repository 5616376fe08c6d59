import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { runBuild } from '../../../src/pipeline/build.ts';
import type { BuildRequest } from '../../../src/plan/request.ts';
import { describeWith } from '../../helpers/engines.ts';
import { type NixMachine, nixMachine, putNixTools } from '../../helpers/nix.ts';
import { buildRequest, pipelineEnvironment } from '../../helpers/pipeline.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

const PROJECTS = join(import.meta.dirname, 'projects');

describeWith(['nix', 'bwrap', 'bash-static', 'busybox', 'python3', 'root'], 'Nix images', () => {
  let machine: NixMachine;
  let flake: string;
  let home: string;

  beforeAll(async () => {
    machine = await nixMachine();
    home = await temporaryFolder();
    flake = join(home, 'a flake');
    await cp(join(PROJECTS, 'flake'), flake, { recursive: true });
    await putNixTools(flake);
  });

  async function build(source: string, changes: Partial<BuildRequest>, signal?: AbortSignal) {
    const environment = pipelineEnvironment(join(home, 'home'), {
      engineVariables: machine.variables,
      ...(signal ? { signal } : {}),
    });
    const result = await runBuild(buildRequest(source, changes), environment);
    return { result, events: environment.events };
  }

  test.each(['layered', 'stream', 'fails', 'broken', 'described', 'badStream', 'curious', 'site', 'nope'])('builds %s', async (attribute) => {
    const { result, events } = await build(flake, { attribute });
    console.log(JSON.stringify(result, null, 1), events.filter(e => e.type === 'task' || e.type === 'log').map(e => JSON.stringify(e)).join('\n'));
  });
});
