/** Makes a builder for `pack` out of the lifecycle and one buildpack of a few lines; of tests and of the bench. */
import { chmod, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

export interface BuilderParts {
  /** An empty folder. */
  readonly folder: string;
  /** What the names of all images begin with. */
  readonly name: string;
  /** A tar of a root with /bin/sh and a user 1000:1000, gzip or not. */
  readonly base: string;
  /** Paths of the programs. */
  readonly pack: string;
  readonly lifecycle: string;
  readonly launcher: string;
  /** The whole environment of pack: where the engine is, a PACK_HOME. */
  readonly environment: Readonly<Record<string, string>>;
  /** Runs Docker's client. */
  docker(...args: readonly string[]): Promise<unknown>;
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
[ -e liar ] && printf '===> EXPORTING\\n*** Images (0123456789ab):\\n'
[ -e slow ] && { echo "building for ever"; sleep 600; }
[ -e fail ] && { echo "the compiler says: missing semicolon"; exit 1; }
if [ -e "$layers/deps/made" ]; then echo "deps come from the cache"; else
  echo "deps are made"; mkdir -p "$layers/deps"; echo yes > "$layers/deps/made"
  [ ! -e vendor ] || cp -R public "$layers/deps/"
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

/** Makes NAME/builder, NAME/run and the lifecycle image in the engine. */
export async function makeBuilder(parts: BuilderParts): Promise<void> {
  const { folder, name, base, docker } = parts;
  const ids = ['ENV CNB_USER_ID=1000', 'ENV CNB_GROUP_ID=1000', `ENV ${OLD_ENGINE}`, 'USER 1000:1000'];
  const path = 'ENV PATH=/usr/bin:/bin';
  await docker('import', ...changes([...ids, path]), base, `${name}/build`);
  await docker('import', ...changes([path, 'USER 1000:1000']), base, `${name}/run`);
  await lifecycleImage(await packLifecycle(parts), docker);
  await writeBuildpack(join(folder, 'web'));
  await writeFile(join(folder, 'builder.toml'), builderToml(name));
  const args = ['builder', 'create', `${name}/builder`, '--config', 'builder.toml', '--pull-policy', 'never'];
  await execa(parts.pack, args, { cwd: folder, env: { ...parts.environment }, extendEnv: false });
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
async function packLifecycle({ folder, lifecycle, launcher }: BuilderParts): Promise<string> {
  const root = join(folder, 'lifecycle-root');
  const cnb = join(root, 'cnb/lifecycle');
  await mkdir(cnb, { recursive: true });
  await copyFile(lifecycle, join(cnb, 'lifecycle'));
  await copyFile(launcher, join(cnb, 'launcher'));
  for (const phase of PHASES) await symlink('lifecycle', join(cnb, phase));
  await writeFile(join(folder, 'lifecycle.toml'), LIFECYCLE_TOML);
  const args = ['-C', folder, '-cf', join(folder, 'lifecycle.tgz'), '-I', 'gzip -1', 'lifecycle.toml'];
  await execa('tar', [...args, '-C', join(root, 'cnb'), 'lifecycle']);
  return root;
}

/** What pack runs the phases of an untrusted builder in, apart from `detect` and `build`. */
async function lifecycleImage(root: string, docker: BuilderParts['docker']): Promise<void> {
  await mkdir(join(root, 'etc'));
  await mkdir(join(root, 'tmp'));
  await chmod(join(root, 'tmp'), 0o1777);
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/none\nuser:x:1000:1000:user:/:/none\n');
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nuser:x:1000:\n');
  const archive = `${root}.tar`;
  await execa('tar', ['-C', root, '--owner=0', '--group=0', '-cf', archive, 'cnb', 'etc', 'tmp']);
  await docker('import', ...changes([`ENV ${OLD_ENGINE}`]), archive, `buildpacksio/lifecycle:${LIFECYCLE}`);
}
