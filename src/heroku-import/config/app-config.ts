import type { AppState } from '../account/app-state.ts';
import type { NotCarried } from '../cut-over/not-carried.ts';
import type { AppPlan } from '../plan/plan-document.ts';
import { sizedBy } from './concurrency.ts';
import type { VariableClass } from './config-vars.ts';
import { METADATA, metadataNames, metadataOf } from './dyno-metadata.ts';

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
    const left = leftBehind(name, value, variable.class, mode);
    if (variable.class === 'addon') external.push({ name, from: variable.addon ?? 'an add-on' });
    else if (variable.class === 'heroku') {
      if (!(name in metadata)) notCarried.push({ what: `variable ${name}`, ...NO_METADATA });
    } else if (left !== undefined || value === null) {
      notCarried.push({ what: `variable ${name}`, ...(left ?? MASKED) });
    } else (variable.class === 'plain' ? env : secrets).set(name, value);
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

type Left = Omit<NotCarried, 'what'>;

const BY_HAND = 'set it by hand at the new runtime';
const MASKED: Left = { why: 'Heroku masks its value, for everybody', next: BY_HAND };
const NO_METADATA: Left = {
  why: "it is Heroku's metadata, and the release that runs has nothing to make it of",
  next: BY_HAND,
};

/** Why a variable stays behind; undefined for one that goes along. */
function leftBehind(
  name: string,
  value: string | null,
  variableClass: VariableClass,
  mode: SecretsMode,
): Left | undefined {
  if (variableClass === 'runtime') {
    const next =
      name === 'PORT'
        ? `nothing: web processes get PORT=${WEB_PORT} in the rollout document`
        : 'nothing, unless the app reads it as a setting of its own: then under another name';
    return { why: 'whatever runs the process sets it', next };
  }
  if (value === null) return MASKED;
  // Heroku has no such names and values; an environment cannot hold them.
  if (!/^[^=\0]+$/.test(name) || value.includes('\0'))
    return { why: 'no process can be given a variable like that', next: 'let the app read it from a file' };
  if (variableClass === 'secret' && mode === 'no-secrets')
    return { why: 'it is a secret, and --no-secrets was given', next: BY_HAND };
  return undefined;
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
