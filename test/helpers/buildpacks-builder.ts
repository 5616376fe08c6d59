/**
 * A builder for `pack`, made in the run's own Docker Engine of a static busybox, the lifecycle and one buildpack of a
 * few lines. Call it in `beforeAll` of a `describeWith(['docker', 'busybox', 'pack', 'lifecycle'], ...)`.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { busyboxBase } from './base-image.ts';
import { dockerEngine } from './docker.ts';
import { engineOrThrow, onPath } from './engines.ts';
import { makeBuilder } from './make-builder.ts';
import { temporaryFolder } from './temp.ts';

export interface TestBuilder {
  /** The builder image, in the engine and nowhere else. */
  readonly builder: string;
  readonly runImage: string;
  /** Of `bare pack` and the like: where the engine is, an own PACK_HOME. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Makes builder, run image and lifecycle image, under names that begin with `name` (one per test file). */
export async function testBuilder(name: string): Promise<TestBuilder> {
  const folder = await temporaryFolder();
  const { environment: engine, docker } = await dockerEngine();
  const { layers } = await busyboxBase(join(folder, 'base'));
  const environment = { ...engine, PACK_HOME: join(folder, 'pack'), PATH: process.env.PATH ?? '' };
  const lifecycle = engineOrThrow('lifecycle');
  await makeBuilder({
    folder,
    name,
    base: layers[0]?.path ?? '',
    pack: engineOrThrow('pack'),
    lifecycle,
    launcher: onPath('launcher') ?? join(dirname(lifecycle), 'launcher'),
    environment,
    docker,
  });
  return { builder: `${name}/builder`, runImage: `${name}/run`, environment };
}

/** An app for the buildpack: a page, and files of the names that make it do what the test is about. */
export async function testApp(...markers: readonly string[]): Promise<string> {
  const app = await temporaryFolder();
  await mkdir(join(app, 'public'));
  await writeFile(join(app, 'public/index.html'), 'hello from a buildpack\n');
  for (const marker of markers) await writeFile(join(app, marker), '');
  return app;
}
