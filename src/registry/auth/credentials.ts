/** What proves who we are, and where it came from (for messages; the secret never is in one). */
export type Credential =
  | {
      readonly kind: 'password';
      readonly username: string;
      readonly password: string;
      readonly source: string;
      /** It is good for more than this registry: no token server at another address may see it. */
      readonly confined?: true;
    }
  /** A refresh token for the registry's token server (`identitytoken`, or a helper's user `<token>`). */
  | { readonly kind: 'identity'; readonly username: string; readonly token: string; readonly source: string }
  /** A bearer token to be sent as it is (`registrytoken`). */
  | { readonly kind: 'bearer'; readonly token: string; readonly source: string };

export interface CredentialSource {
  /** The credential for a repository of a registry; undefined is anonymous. Throws CREDENTIALS_UNREADABLE. */
  find(registry: string, repository?: string, signal?: AbortSignal): Promise<Credential | undefined>;
  /** Where `find` looks, for the message that nothing was found. */
  readonly places: string;
}

/** Nobody in particular. */
export const anonymous: CredentialSource = { find: async () => undefined, places: 'none were given' };
