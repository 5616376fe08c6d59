import { join } from 'node:path';
import { DogwoodError } from '../errors.ts';
import type { CredentialPlace } from '../registry/auth/credential-document.ts';

type Environment = Readonly<Record<string, string | undefined>>;

interface Surroundings {
  readonly environment: Environment;
  readonly userHome: string | undefined;
}

/** XDG Base Directory Specification: a relative path is as good as none. */
function absolute(path: string | undefined): string | undefined {
  return path?.startsWith('/') ? path : undefined;
}

/**
 * `$DOGWOOD_HOME`, else `$XDG_DATA_HOME/dogwood`, else `~/.local/share/dogwood`: the local store, what earlier runs
 * found out, and the logs. Throws USAGE where none of them can be told.
 */
export function dogwoodHome({ environment, userHome }: Surroundings): string {
  const named = environment.DOGWOOD_HOME;
  if (named) {
    if (absolute(named) !== undefined) return named;
    throw new DogwoodError('USAGE', 'DOGWOOD_HOME must be an absolute path', {
      hint: 'Set DOGWOOD_HOME to the full path of a folder.',
    });
  }
  const data = absolute(environment.XDG_DATA_HOME);
  if (data !== undefined) return join(data, 'dogwood');
  if (userHome !== undefined) return join(userHome, '.local', 'share', 'dogwood');
  throw new DogwoodError('USAGE', 'no folder for the local store: there is no home folder', {
    hint: 'Set DOGWOOD_HOME to a folder that can be written.',
  });
}

/** Where the logs of past runs are kept. */
export function logFolder(surroundings: Surroundings): string {
  return join(dogwoodHome(surroundings), 'logs');
}

/** Docker's config folder, where credentials are looked for: `$DOCKER_CONFIG`, else `~/.docker`. */
export function dockerConfigFolder({ environment, userHome }: Surroundings): string {
  const named = environment.DOCKER_CONFIG;
  // Without a home there are no credentials, and registries are spoken to as anybody.
  return named || join(userHome ?? '/nonexistent', '.docker');
}

/** Where Docker and Podman keep certificates by host (containers-certs.d(5)), the user's own first. */
export function certificateFolders(surroundings: Surroundings): readonly string[] {
  const config = configFolder(surroundings);
  const own = config === undefined ? [] : [join(config, 'containers', 'certs.d')];
  return [...own, '/etc/containers/certs.d', '/etc/docker/certs.d'];
}

/**
 * Where credentials for registries are looked for, in this order: `$DOCKER_AUTH_CONFIG` (the document itself, as GitLab
 * has it), `$REGISTRY_AUTH_FILE`, Docker's config file, and the two that Podman and skopeo write to.
 */
export function credentialPlaces(surroundings: Surroundings): readonly CredentialPlace[] {
  const { environment, userHome } = surroundings;
  const text = environment.DOCKER_AUTH_CONFIG;
  const runtime = absolute(environment.XDG_RUNTIME_DIR);
  const config = absolute(environment.XDG_CONFIG_HOME) ?? (userHome && join(userHome, '.config'));
  const paths = [
    environment.REGISTRY_AUTH_FILE,
    join(dockerConfigFolder(surroundings), 'config.json'),
    runtime && join(runtime, 'containers', 'auth.json'),
    config && join(config, 'containers', 'auth.json'),
  ];
  const files = new Set(paths.filter((path) => path !== undefined && path !== ''));
  return [
    ...(text ? [{ kind: 'variable', name: 'DOCKER_AUTH_CONFIG', text } as const] : []),
    ...[...files].map((path) => ({ kind: 'file', path: path as string }) as const),
  ];
}

/** `$XDG_CONFIG_HOME/dogwood/config.toml`, else `~/.config/dogwood/config.toml`; undefined without a home. */
export function userConfigPath(surroundings: Surroundings): string | undefined {
  const config = configFolder(surroundings);
  return config === undefined ? undefined : join(config, 'dogwood', 'config.toml');
}

function configFolder({ environment, userHome }: Surroundings): string | undefined {
  return (
    absolute(environment.XDG_CONFIG_HOME) ?? (userHome === undefined ? undefined : join(userHome, '.config'))
  );
}
