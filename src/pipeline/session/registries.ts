import { createCredentialHelper } from '../../engines/credential-helper.ts';
import type { HttpClient } from '../../net/http.ts';
import type { Reference } from '../../oci/reference.ts';
import type { Target } from '../../oci/target.ts';
import { registryCredentials } from '../../registry/auth/stored-credentials.ts';
import { createRegistryClient, type RegistryClientOptions } from '../../registry/client.ts';
import { createMirroredTarget, mirrorReference, parseMirror } from '../../registry/mirrors.ts';
import { createRegistryTarget, type RegistryTarget } from '../../registry/registry-target.ts';
import type { PipelineEnvironment } from './environment.ts';

/** `push` when blobs will be put there: its token is asked for at once, and no mirror is. */
export type OpenRegistry = (reference: Reference, access: 'pull' | 'push') => Target;

export interface Registries {
  readonly open: OpenRegistry;
  /** A repository where it really is, for what only registries do: lists of tags and referrers, deleting. */
  readonly repository: (reference: Reference) => RegistryTarget;
}

/** The registries of a run: one client for all, and one without patience for mirrors, which another place stands in for. */
export function openRegistries(
  environment: PipelineEnvironment,
  http: HttpClient,
  locations: RegistryClientOptions['locations'],
): Registries {
  const { emit } = environment;
  const options: RegistryClientOptions = {
    http,
    locations,
    insecureHosts: environment.insecureRegistries,
    logger: environment.logger,
    onWarning: ({ code, message }) => emit({ type: 'warning', code, message }),
    credentials: registryCredentials(environment.credentialPlaces, createCredentialHelper()),
  };
  const client = createRegistryClient(options);
  let impatient: typeof client | undefined;
  const direct = (reference: Reference, access: 'pull' | 'push') =>
    createRegistryTarget({ reference, client, access });
  const open: OpenRegistry = (reference, access) => {
    const mirrors = access === 'pull' ? (environment.mirrors[reference.registry] ?? []) : [];
    if (mirrors.length === 0) return direct(reference, access);
    impatient ??= createRegistryClient({ ...options, retry: { attempts: 1, maxDelay: 0 } });
    const asked = impatient;
    return createMirroredTarget({
      registry: direct(reference, access),
      mirrors: mirrors.map((mirror) =>
        createRegistryTarget({ client: asked, reference: mirrorReference(parseMirror(mirror), reference) }),
      ),
      onFailure: (mirror, reason) =>
        emit({
          type: 'warning',
          code: 'MIRROR_FAILED',
          message: `the mirror ${mirror} is passed over: ${reason}`,
        }),
    });
  };
  return { open, repository: (reference) => direct(reference, 'pull') };
}
