import { METADATA } from './dyno-metadata.ts';
import { plainRule } from './plain-value.ts';
import { addonVariables, type Owner, type Owners } from './variable-owner.ts';

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
  /** Other apps that have the same add-on. */
  readonly sharedWith: readonly string[];
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

/** Names that a loader or shell acts on before the program does; on a dyno they did the same. */
const ACTED_ON: readonly (readonly [RegExp, string])[] = [
  [/^LD_(?:PRELOAD|AUDIT)$/, 'the loader puts that library into every process'],
  [/^LD_LIBRARY_PATH$/, 'the loader looks there for libraries first'],
  [/^(?:LD_|DYLD_|GLIBC_TUNABLES$|GCONV_PATH$)/, 'the loader of programs acts on it'],
  [/^BASH_ENV$/, 'every bash script runs that file first'],
  [/^ENV$/, 'sh may run that file first'],
  [/^PATH$/, 'it replaces where commands are found'],
  [/^IFS$/, 'it changes how shells split words'],
  [/^(?:PROMPT_COMMAND|PS[0-4])$/, 'shells may run it'],
  [/^(?:SHELLOPTS|BASHOPTS|BASH_XTRACEFD|POSIXLY_CORRECT|CDPATH|GLOBIGNORE)$/, 'it changes how bash works'],
  [/^BASH_FUNC_/, 'bash makes a function of it'],
  [/^(?:UID|EUID|PPID|BASHPID)$/, 'bash has a variable of its own of that name'],
  [/^dogwood_/, 'the launcher in the image has variables of such names'],
];

/** So short a value may be the same by chance. */
const COPY_LENGTH = 8;

/** Says of each variable of an app what it is, by name and value; the value goes no further. */
export function classifyVariables(
  config: Readonly<Record<string, string | null>>,
  owners: Owners,
): readonly Variable[] {
  const owned = addonVariables(owners);
  const classified = Object.entries(config).map(([name, value]) => ({
    name,
    value,
    ...classify(name, value, owned.get(name)),
  }));
  const addonValues = new Map(
    classified.flatMap(({ name, value, class: kind }) =>
      kind === 'addon' && value !== null && value.length >= COPY_LENGTH ? [[value, name] as const] : [],
    ),
  );
  return classified.map(({ value, ...variable }) => {
    const original = variable.class === 'addon' || value === null ? undefined : addonValues.get(value);
    return { ...variable, warnings: warningsOf(variable.name, value, original) };
  });
}

function classify(
  name: string,
  value: string | null,
  owner: Owner | undefined,
): Omit<Variable, 'name' | 'warnings'> {
  const own = { addon: null, sharedWith: [] };
  if (owner !== undefined) return { class: 'addon', ...owner };
  if (METADATA.has(name)) return { class: 'heroku', rule: "Heroku's metadata of a release", ...own };
  if (RUNTIME.has(name)) return { class: 'runtime', rule: 'set by whatever runs the process', ...own };
  const plain = value === null ? undefined : plainRule(name, value);
  if (plain !== undefined) return { class: 'plain', rule: plain, ...own };
  return { class: 'secret', rule: 'everything else is one', ...own };
}

/** @param original the add-on's variable with the same value */
function warningsOf(name: string, value: string | null, original: string | undefined): readonly string[] {
  return [
    ...ACTED_ON.filter(([names]) => names.test(name))
      .slice(0, 1)
      .map(([, what]) => what),
    ...(value === null ? ['its value is masked: it has to be set by hand'] : []),
    ...(original === undefined ? [] : [`it is a copy of ${original}, which its add-on may change any time`]),
    ...(/^[A-Za-z_]\w*$/.test(name)
      ? []
      : ['no shell can export that name: it has to be handed over as a variable, not as a file']),
  ];
}
