import { DogwoodError } from '../errors.ts';
import { type Logger, silentLogger } from '../log.ts';
import type { HttpClient } from '../net/http.ts';
import { registryHost } from '../oci/reference.ts';
import type { PutResult } from '../oci/target.ts';
import { createAuth } from './auth/auth.ts';
import { anonymous, type CredentialSource } from './auth/credentials.ts';
import { createEndpoints } from './endpoints.ts';
import {
  type ExchangeContext,
  exchange,
  label,
  type RegistryRequest,
  type RegistryResponse,
} from './exchange.ts';
import { isGarbled } from './http/damage.ts';
import { createHostGate } from './http/host-gate.ts';
import { createHostPolicy } from './http/hosts.ts';
import { connectionFailure } from './http/refusal.ts';
import { counted, createRetryBudgets, DEFAULT_RETRY, type RetryPolicy, withRetries } from './http/retry.ts';
import { createWarnings, pauseWarning, type RegistryWarning } from './http/warnings.ts';
import { type BlobLocations, createKnownBlobs, type KnownBlobs } from './upload/known-blobs.ts';
import { createUploadRules, type UploadRulesByHost } from './upload/rules.ts';

/** One per program run: holds connections, tokens and what is known of each registry. */
export interface RegistryClient {
  /**
   * One request with authentication, redirects and retries. The caller reads or discards the body.
   *
   * @throws REGISTRY_* as the table has them, IMAGE_NOT_FOUND or BLOB_NOT_FOUND for 404
   */
  send(request: RegistryRequest): Promise<RegistryResponse>;
  /** Is there a registry that answers at all? Throws what `send` throws. */
  ping(registry: string, signal?: AbortSignal): Promise<void>;
  readonly retry: RetryPolicy;
  readonly logger: Logger;
  /** Uploads under way, by registry, repository and digest: the same blob is not sent twice at once. */
  readonly uploads: Map<string, Promise<PutResult>>;
  /** Those of them whose bytes are on their way (or are mounted), by registry and digest. */
  readonly sending: Map<string, Promise<PutResult>>;
  /** The last change under way of each fallback list of referrers, by registry, repository and tag. */
  readonly fallbacks: Map<string, Promise<void>>;
  /** What is known of where blobs lie. */
  readonly blobs: KnownBlobs;
  /** What hosts taught about uploads to them. */
  readonly uploadRules: UploadRulesByHost;
}

export interface RegistryClientOptions {
  readonly http: HttpClient;
  readonly credentials?: CredentialSource | undefined;
  /**
   * Hosts that may be spoken to in plain HTTP. Loopback always may. Give them to the HTTP client too, and it does
   * not check their certificates either.
   */
  readonly insecureHosts?: readonly string[] | undefined;
  readonly retry?: Partial<RetryPolicy> | undefined;
  /** What earlier runs saw of blobs in registries. */
  readonly locations?: BlobLocations | undefined;
  readonly logger?: Logger | undefined;
  /** Hears each warning of each registry once. Default: the logger does. */
  readonly onWarning?: ((warning: RegistryWarning) => void) | undefined;
}

export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const retry = { ...DEFAULT_RETRY, ...options.retry };
  const logger = options.logger ?? silentLogger;
  const hosts = createHostPolicy(options.insecureHosts);
  const onWarning =
    options.onWarning ?? (({ code, message }) => logger.warn('a registry warns', { code, message }));
  const http = createHostGate({
    http: options.http,
    retry,
    logger,
    onAnswer: createWarnings(onWarning),
    onPause: (host, milliseconds) => onWarning(pauseWarning(host, milliseconds)),
  });
  const budgets = createRetryBudgets();
  const budgetOf = (registry: string) => budgets(registryHost(registry));
  const auth = createAuth({ http, credentials: options.credentials ?? anonymous, hosts, retry });
  const endpoints = createEndpoints({ http, auth, hosts, retry, budgetOf });
  const context: ExchangeContext = { http, auth, endpoints, retry };
  return {
    retry,
    logger,
    uploads: new Map(),
    sending: new Map(),
    fallbacks: new Map(),
    blobs: createKnownBlobs(retry.clock, options.locations),
    uploadRules: createUploadRules(),
    async ping(registry, signal) {
      await endpoints.find(registry, signal);
    },
    async send(request) {
      const once = () =>
        counted(budgetOf(request.registry), async () => {
          try {
            return await exchange(request, context);
          } catch (error) {
            const what = label(request);
            if (!isGarbled(error)) throw connectionFailure(error, what);
            throw new DogwoodError('TRANSFER_DAMAGED', `${what}: ${error.message}`, { cause: error });
          }
        });
      const alone = request.once || request.retry === false;
      return alone ? await once() : await withRetries(retry, once, { signal: request.signal });
    },
  };
}
