/**
 * A builder for `pack`, made in the run's own Docker Engine of a static busybox, the lifecycle and one buildpack of a
 * few lines. Call it in `beforeAll` of a `describeWith(['docker', 'busybox', 'pack', 'lifecycle'], ...)`.
 */
import { chmod, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { busyboxBase } from './base-image.ts';
import { dockerEngine } from './docker.ts';
import { engineOrThrow, onPath } from './engines.ts';
import { temporaryFolder } from './temp.ts';

export interface TestBuilder {
  /** The builder image, in the engine and nowhere else. */
  readonly builder: string;
  readonly runImage: string;
  /** Of `bare pack` and the like: where the engine is, an own PACK_HOME. */
  readonly environment: Readonly<Record<string, string>>;
}

const LIFECYCLE = '0.21.0';
const PHASES = ['analyzer', 'builder', 'creator', 'detector', 'exporter', 'extender', 'rebaser', 'restorer'];
// The lifecycle's client is too new for Docker 20.10 unless it is told what to speak.
const OLD_ENGINE = 'DOCKER_API_VERSION=1.41';

/** What the buildpack does is said by the files of the app; `public/` is what makes it one at all. */
const DETECT = `#!/bin/sh
[ -e detect-error ] && { echo "the detect script gives up"; exit 1; }
[ -d public ] || exit 100
`;

const BUILD = `#!/bin/sh
set -e
layers=$1 platform=$2
echo "platform env: $(ls "$platform/env" 2>/dev/null | sort | tr '\\n' ' ')"
[ -e print-values ] && { cat "$platform"/env/*; echo; }
[ -e slow ] && { echo "building for ever"; sleep 600; }
[ -e fail ] && { echo "the compiler says: missing semicolon"; exit 1; }
if [ -e "$layers/deps/made" ]; then echo "deps come from the cache"; else
  echo "deps are made"; mkdir -p "$layers/deps"; echo yes > "$layers/deps/made"
fi
printf '[types]\\nlaunch = true\\ncache = true\\nbuild = true\\n' > "$layers/deps.toml"
echo '{"bomFormat":"CycloneDX","specVersion":"1.4","version":1}' > "$layers/launch.sbom.cdx.json"
[ -e bad-slice ] && printf '[[slices]]\\npaths = ["["]\\n' >> "$layers/launch.toml"
cat >> "$layers/launch.toml" <<TOML
[[processes]]
type = "web"
command = ["sh", "-c", "exec httpd -f -p \\$PORT -h public"]
default = true
[[processes]]
type = "worker"
command = ["sleep"]
args = ["it's 60"]
TOML
`;

const BUILDPACK = `api = "0.10"
[buildpack]
id = "test/web"
version = "1.0.0"
sbom-formats = ["application/vnd.cyclonedx+json"]
[[targets]]
os = "linux"
`;

const LIFECYCLE_TOML = `[api]
platform = "0.7"
buildpack = "0.7"
[apis.buildpack]
supported = ["0.7", "0.8", "0.9", "0.10", "0.11"]
[apis.platform]
supported = ["0.7", "0.8", "0.9", "0.10", "0.11", "0.12", "0.13"]
[lifecycle]
version = "${LIFECYCLE}"
`;

/** Makes builder, run image and lifecycle image, under names that begin with \`name\` (one per test file). */
export async function testBuilder(name: string): Promise<TestBuilder> {
  const folder = await temporaryFolder();
  const { environment, docker } = await dockerEngine();
  const { layers } = await busyboxBase(join(folder, 'base'));
  const base = layers[0]?.path ?? '';
  const ids = ['ENV CNB_USER_ID=1000', 'ENV CNB_GROUP_ID=1000', `ENV ${OLD_ENGINE}`, 'USER 1000:1000'];
  const path = 'ENV PATH=/usr/bin:/bin';
  await docker('import', ...changes([...ids, path]), base, `${name}/build`);
  await docker('import', ...changes([path, 'USER 1000:1000']), base, `${name}/run`);
  const lifecycle = await packLifecycle(folder);
  await lifecycleImage(lifecycle, docker);
  await writeBuildpack(join(folder, 'web'));
  await writeFile(join(folder, 'builder.toml'), builderToml(name));
  const variables = { ...environment, PACK_HOME: join(folder, 'pack'), PATH: process.env.PATH ?? '' };
  const args = ['builder', 'create', `${name}/builder`, '--config', 'builder.toml', '--pull-policy', 'never'];
  await execa(engineOrThrow('pack'), args, { cwd: folder, env: variables, extendEnv: false });
  return { builder: `${name}/builder`, runImage: `${name}/run`, environment: variables };
}

/** An app for the buildpack: a page, and files of the names that make it do what the test is about. */
export async function testApp(...markers: readonly string[]): Promise<string> {
  const app = await temporaryFolder();
  await mkdir(join(app, 'public'));
  await writeFile(join(app, 'public/index.html'), 'hello from a buildpack\n');
  for (const marker of markers) await writeFile(join(app, marker), '');
  return app;
}

const changes = (lines: readonly string[]): string[] => lines.flatMap((line) => ['-c', line]);

const builderToml = (name: string): string => `[build]
image = "${name}/build"
[[run.images]]
image = "${name}/run"
[lifecycle]
uri = "lifecycle.tgz"
[[buildpacks]]
uri = "web"
[[order]]
[[order.group]]
id = "test/web"
version = "1.0.0"
`;

async function writeBuildpack(folder: string): Promise<void> {
  await mkdir(join(folder, 'bin'), { recursive: true });
  await writeFile(join(folder, 'buildpack.toml'), BUILDPACK);
  for (const [file, script] of [
    ['detect', DETECT],
    ['build', BUILD],
  ] as const) {
    await writeFile(join(folder, 'bin', file), script);
    await chmod(join(folder, 'bin', file), 0o755);
  }
}

/** The tarball that a builder is made of; gives the folder it was packed from. */
async function packLifecycle(folder: string): Promise<string> {
  const root = join(folder, 'lifecycle-root');
  const cnb = join(root, 'cnb/lifecycle');
  await mkdir(cnb, { recursive: true });
  const program = engineOrThrow('lifecycle');
  await copyFile(program, join(cnb, 'lifecycle'));
  await copyFile(onPath('launcher') ?? join(dirname(program), 'launcher'), join(cnb, 'launcher'));
  for (const phase of PHASES) await symlink('lifecycle', join(cnb, phase));
  await writeFile(join(folder, 'lifecycle.toml'), LIFECYCLE_TOML);
  const args = ['-C', folder, '-cf', join(folder, 'lifecycle.tgz'), '-I', 'gzip -1', 'lifecycle.toml'];
  await execa('tar', [...args, '-C', join(root, 'cnb'), 'lifecycle']);
  return root;
}

/** What pack runs the phases of an untrusted builder in, apart from `detect` and `build`. */
async function lifecycleImage(root: string, docker: (...args: string[]) => Promise<string>): Promise<void> {
  await mkdir(join(root, 'etc'));
  await mkdir(join(root, 'tmp'));
  await chmod(join(root, 'tmp'), 0o1777);
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/none\nuser:x:1000:1000:user:/:/none\n');
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nuser:x:1000:\n');
  const archive = `${root}.tar`;
  await execa('tar', ['-C', root, '--owner=0', '--group=0', '-cf', archive, 'cnb', 'etc', 'tmp']);
  await docker('import', ...changes([`ENV ${OLD_ENGINE}`]), archive, `buildpacksio/lifecycle:${LIFECYCLE}`);
}
