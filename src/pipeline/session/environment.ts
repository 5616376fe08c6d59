import type { Readable } from 'node:stream';
import type { Logger } from '../../log.ts';
import type { NetworkSettings } from '../../net/settings.ts';
import type { Emit } from '../../plan/events.ts';
import type { SlugMetadata } from '../../plan/request.ts';
import type { CredentialPlace } from '../../registry/auth/credential-document.ts';
import type { ArchiveSource } from '../../source/source.ts';

/** Everything a pipeline run needs from the program around it; main.ts fills it in, tests bring their own. */
/** An app's slug, and what its platform says of it. */
export interface OpenedApp {
  readonly source: ArchiveSource;
  readonly slug: SlugMetadata;
}

export interface PipelineEnvironment {
  /** `$DOGWOOD_HOME`: the local store and what earlier runs found out. */
  readonly home: string;
  /** For `-`. */
  readonly stdin: Readable;
  /** Where credentials for registries are looked for; the first that has some decides. */
  readonly credentialPlaces: readonly CredentialPlace[];
  /** Docker's config folder ($DOCKER_CONFIG), for engines. */
  readonly dockerConfig: string;
  /** Docker Engine's socket or URL ($DOCKER_HOST); undefined for the default socket. */
  readonly dockerHost: string | undefined;
  /** The variables of ours that engines may see (`engines/environment.ts`). */
  readonly engineVariables: Readonly<Record<string, string>>;
  /** One variable of ours, for a secret whose value is in it. */
  readonly variable: (name: string) => string | undefined;
  /** Proxies, certificates by host, what the outbound guard lets through. */
  readonly network: NetworkSettings;
  /** By registry, as references have it, the places that are pulled from first; see `createMirroredTarget`. */
  readonly mirrors: Readonly<Record<string, readonly string[]>>;
  /** Registry hosts that may be spoken to in plain HTTP (`--insecure-registry`). */
  readonly insecureRegistries: readonly string[];
  /** Opens `heroku:APP`; absent where nobody can ask Heroku. A port: who asks Heroku stands above the pipeline. */
  readonly openHerokuApp?:
    | ((app: string, environment: PipelineEnvironment) => Promise<OpenedApp>)
    | undefined;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
  readonly emit: Emit;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}
