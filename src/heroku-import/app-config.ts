import type { AppState } from './app-state.ts';
import { sizedBy } from './concurrency.ts';
import type { Variable } from './config-vars.ts';
import { METADATA, metadataNames, metadataOf } from './dyno-metadata.ts';
import type { NotCarried } from './not-carried.ts';
import type { AppPlan } from './plan-document.ts';

/** `encrypt` puts secrets into the age file, `no-secrets` leaves them at Heroku. */
export type SecretsMode = 'encrypt' | 'no-secrets';

/** An app's config vars, taken apart. Holds secrets. */
export interface AppConfig {
  /** For everybody's eyes: it is in the rollout document. */
  readonly env: Readonly<Record<string, string>>;
  /** For the age file, and nothing else. */
  readonly secrets: Readonly<Record<string, string>>;
  /** What an add-on has to bring, wherever it will be. */
  readonly external: readonly { readonly name: string; readonly from: string }[];
  /** Per process type, over `env`. */
  readonly processEnv: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** By name only. */
  readonly notCarried: readonly NotCarried[];
  /** By name only. */
  readonly warnings: readonly string[];
}

/** The port that web processes are told to listen at; above 1024, for no process is root. */
export const WEB_PORT = 8080;

/** What the config vars of an app become (docs/heroku.md). Every one is in `env`, `secrets`, `external` or `notCarried`. */
export function configOf(state: AppState, plan: AppPlan, mode: SecretsMode): AppConfig {
  const planned = new Map(plan.variables.map((variable) => [variable.name, variable]));
  const metadata = metadataOf(state);
  const env = new Map<string, string>();
  const secrets = new Map<string, string>();
  const external: { name: string; from: string }[] = [];
  const notCarried: NotCarried[] = [];
  for (const [name, value] of Object.entries(state.config)) {
    // One that came after the plan is nobody's business either.
    const variable = planned.get(name) ?? { class: 'secret' as const, addon: null };
    const fate = fateOf(name, value, variable, mode);
    if (variable.class === 'addon') external.push({ name, from: variable.addon ?? 'an add-on' });
    else if (fate !== undefined) notCarried.push({ what: `variable ${name}`, ...fate });
    else if (value === null || variable.class === 'heroku') continue;
    else (variable.class === 'plain' ? env : secrets).set(name, value);
  }
  const wanted = metadataNames(state.features);
  for (const name of METADATA) {
    const value = metadata[name];
    if (value !== undefined && (wanted.has(name) || name in state.config)) env.set(name, value);
  }
  return {
    env: Object.fromEntries(env),
    secrets: Object.fromEntries(secrets),
    external,
    processEnv: processEnvOf(state, plan),
    notCarried,
    warnings: warningsOf(state, plan, metadata),
  };
}

/** Why a variable stays behind; undefined for one that goes along. */
function fateOf(
  name: string,
  value: string | null,
  variable: Pick<Variable, 'class'>,
  mode: SecretsMode,
): Omit<NotCarried, 'what'> | undefined {
  switch (variable.class) {
    case 'runtime':
      return {
        why: 'whatever runs the process sets it',
        next:
          name === 'PORT'
            ? `nothing: web processes get PORT=${WEB_PORT} in the rollout document`
            : 'nothing, unless the app reads it as a setting of its own: then under another name',
      };
    case 'addon':
    case 'heroku':
      return undefined;
    case 'plain':
    case 'secret':
      if (value === null) {
        return { why: 'Heroku masks its value, for everybody', next: 'set it by hand at the new runtime' };
      }
      if (variable.class === 'secret' && mode === 'no-secrets')
        return {
          why: 'it is a secret, and --no-secrets was given',
          next: 'set it by hand at the new runtime',
        };
      return undefined;
  }
}

function processEnvOf(state: AppState, { processes }: AppPlan): AppConfig['processEnv'] {
  return Object.fromEntries(
    processes
      .filter(({ kind }) => kind === 'service')
      .map(({ name, dynoSize }) => [
        name,
        { ...(name === 'web' && { PORT: String(WEB_PORT) }), ...sizedBy(state, dynoSize) },
      ]),
  );
}

function warningsOf(
  { config, features }: AppState,
  { variables }: AppPlan,
  metadata: Readonly<Record<string, string>>,
): readonly string[] {
  const wanted = metadataNames(features);
  return [
    ...variables
      .filter(({ name }) => name in config)
      .flatMap(({ name, warnings }) => warnings.map((warning) => `variable ${name}: ${warning}`)),
    ...[...METADATA]
      .filter((name) => name in config && !wanted.has(name) && config[name] !== metadata[name])
      .map(
        (name) => `variable ${name}: its value at Heroku was another than the release's, which it has now`,
      ),
  ];
}
