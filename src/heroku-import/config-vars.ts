import type { Addon, Attachment } from './api/documents.ts';
import { METADATA } from './dyno-metadata.ts';

/**
 * `plain`    harmless, and shown
 * `secret`   everything else: unless a rule says otherwise, a value is nobody's business
 * `addon`    an add-on's own, which may change it any time
 * `heroku`   Heroku's metadata about the release, made anew for each
 * `runtime`  set by whatever runs the process
 */
export type VariableClass = 'plain' | 'secret' | 'addon' | 'heroku' | 'runtime';

/** A config var without its value. */
export interface Variable {
  readonly name: string;
  readonly class: VariableClass;
  /** Why it is of that class. */
  readonly rule: string;
  /** The add-on it belongs to. */
  readonly addon: string | null;
  /** What may surprise whoever runs it elsewhere. */
  readonly warnings: readonly string[];
}

/** HEROKU_DYNO_ID and DYNO name one dyno; a runtime has a name of its own for that. */
const RUNTIME: ReadonlySet<string> = new Set([
  'PORT',
  'DYNO',
  'HEROKU_DYNO_ID',
  'HOME',
  'PWD',
  'SHLVL',
  'PS',
]);

/** Names whose values say how a program runs, not what it may reach. */
const PLAIN_NAMES: ReadonlySet<string> = new Set([
  ...[
    'NODE_ENV',
    'RAILS_ENV',
    'RACK_ENV',
    'APP_ENV',
    'ENVIRONMENT',
    'FLASK_ENV',
    'MIX_ENV',
    'DJANGO_SETTINGS_MODULE',
  ],
  ...[
    'LANG',
    'LC_ALL',
    'TZ',
    'LOG_LEVEL',
    'RAILS_LOG_LEVEL',
    'RAILS_LOG_TO_STDOUT',
    'RAILS_SERVE_STATIC_FILES',
  ],
  ...[
    'WEB_CONCURRENCY',
    'WEB_MEMORY',
    'MEMORY_AVAILABLE',
    'MALLOC_ARENA_MAX',
    'RAILS_MAX_THREADS',
    'MAX_THREADS',
  ],
  ...[
    'NPM_CONFIG_PRODUCTION',
    'YARN_PRODUCTION',
    'NODE_MODULES_CACHE',
    'DISABLE_COLLECTSTATIC',
    'PYTHONUNBUFFERED',
  ],
  ...['BUNDLE_WITHOUT', 'PROJECT_PATH', 'PROCFILE'],
]);

/** A word or two, a number, a switch: no address, no key. */
const HARMLESS = /^[A-Za-z0-9][A-Za-z0-9 _.,:/-]{0,39}$/;
/** True or false, and numbers of up to five digits. */
const SWITCH = /^(?:true|false|yes|no|on|off|\d{1,5})$/i;

/** Variables that a loader or shell acts on before the program does. */
const ACTED_ON: ReadonlyMap<string, string> = new Map([
  ['LD_PRELOAD', 'the loader puts that library into every process'],
  ['LD_AUDIT', 'the loader puts that library into every process'],
  ['LD_LIBRARY_PATH', 'the loader looks there for libraries first'],
  ['BASH_ENV', 'every bash script runs that file first'],
  ['ENV', 'sh may run that file first'],
  ['PATH', 'it replaces where commands are found'],
  ['IFS', 'it changes how shells split words'],
  ['PROMPT_COMMAND', 'interactive shells run it'],
]);

export interface Owners {
  /** Add-ons of the whole account. */
  readonly addons: readonly Addon[];
  /** Those of this app. */
  readonly attachments: readonly Attachment[];
}

/** Says of each variable of an app what it is, by name and value; the value goes no further. */
export function classifyVariables(
  config: Readonly<Record<string, string | null>>,
  owners: Owners,
): readonly Variable[] {
  return Object.entries(config).map(([name, value]) => ({
    name,
    ...classify(name, value, owners),
    warnings: warningsOf(name, value),
  }));
}

function classify(
  name: string,
  value: string | null,
  owners: Owners,
): Pick<Variable, 'class' | 'rule' | 'addon'> {
  const owner = ownerOf(name, owners);
  if (owner !== undefined) return { class: 'addon', rule: owner.rule, addon: owner.addon };
  if (METADATA.has(name)) return { class: 'heroku', rule: "Heroku's metadata of a release", addon: null };
  if (RUNTIME.has(name)) return { class: 'runtime', rule: 'set by whatever runs the process', addon: null };
  if (value !== null && PLAIN_NAMES.has(name) && (value === '' || HARMLESS.test(value))) {
    return { class: 'plain', rule: 'a name known to hold no secret, with a harmless value', addon: null };
  }
  if (value !== null && SWITCH.test(value))
    return { class: 'plain', rule: 'a switch or a small number', addon: null };
  return { class: 'secret', rule: 'everything else is one', addon: null };
}

/** An add-on names its variables; each attachment gives NAME_URL, and names that begin with its own (heroku.md section 5). */
function ownerOf(name: string, { addons, attachments }: Owners): { addon: string; rule: string } | undefined {
  for (const attachment of attachments) {
    const addon = addons.find(({ id }) => id === attachment.addon.id);
    const isAttachment = name === attachment.name || name === `${attachment.name}_URL`;
    if (isAttachment)
      return { addon: attachment.addon.name, rule: `made by the attachment ${attachment.name}` };
    if (addon?.config_vars.includes(name))
      return { addon: addon.name, rule: `listed by the add-on ${addon.name}` };
  }
  return undefined;
}

function warningsOf(name: string, value: string | null): readonly string[] {
  const acted = ACTED_ON.get(name);
  return [
    ...(acted === undefined ? [] : [acted]),
    ...(value === null ? ['its value is masked: it has to be set by hand'] : []),
    ...(/^[A-Za-z_]\w*$/.test(name) ? [] : ['no shell can export that name; programs get it all the same']),
  ];
}
