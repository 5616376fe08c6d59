import { stringify } from 'smol-toml';
import { isProcessType } from '../../plan/procfile.ts';
import { NUMERIC_USER } from '../../plan/project.ts';
import type { AppState } from '../account/app-state.ts';
import { WEB_PORT } from '../config/app-config.ts';
import type { AppPlan, ProcessPlan } from '../plan/plan-document.ts';
import { buildpackFate, buildpackName } from './buildpack-table.ts';

export interface DayAfterParts {
  readonly state: AppState;
  readonly plan: AppPlan;
  /** Whom the imported image runs as, `UID:GID`; null where it does not say. */
  readonly user: string | null;
}

/** An hour, as at Heroku (Dev Center, "Release Phase"). Seconds. */
const RELEASE_TIMEOUT = 3600;

/**
 * The `dogwood.toml` with which `build .` in the app's source gives its next release: the same processes, user and
 * variables, built by what continues its buildpacks. No value of a variable is in it.
 */
export function dayAfter(parts: DayAfterParts): string {
  const { state, plan, user } = parts;
  const isContainer = plan.fate === 'container';
  return [
    comment(`The day after: how the next release of ${plan.app} is built and run, once it has left Heroku.`),
    comment(
      'Put this file at the root of the app\'s source, read the lines that say "check", then: build . -t IMAGE',
    ),
    '',
    ...(isContainer ? dockerfile() : buildpacks(parts)),
    ...(isContainer || user === null || !NUMERIC_USER.test(user)
      ? []
      : [
          comment('The imported image runs as this user, and files it wrote are theirs.'),
          toml({ user }),
          '',
        ]),
    ...variables(state),
    ...processes(plan),
    ...services(plan),
  ].join('\n');
}

function dockerfile(): readonly string[] {
  return [
    toml({ strategy: 'dockerfile' }),
    comment(
      'Check: where the source has a heroku.yml, its build.docker names the Dockerfile of each process type.',
    ),
    comment('One build makes one image; for Dockerfile.web and Dockerfile.worker build once per --file.'),
    '# file = "Dockerfile.web"',
    '',
  ];
}

/** Stacks that there is a builder for (heroku/builder's tags). */
const BUILT = ['22', '24', '26'] as const;

/** Heroku's builder of a stack; of one that has ended, the nearest that is still built. */
function builderOf(stack: string): { readonly builder: string; readonly nearest: boolean } {
  const number = /^heroku-(\d+)$/.exec(stack)?.[1];
  const exact = BUILT.find((one) => one === number);
  if (exact !== undefined) return { builder: `heroku/builder:${exact}`, nearest: false };
  // A stack that is not known yet is newer than all of them; everything else has ended.
  const newest = BUILT[BUILT.length - 1];
  const isNewer = number !== undefined && Number(number) > Number(newest);
  return { builder: `heroku/builder:${isNewer ? newest : BUILT[0]}`, nearest: true };
}

function buildpacks({ state, plan }: DayAfterParts): readonly string[] {
  const stack =
    plan.stack === 'container' || plan.stack === 'cnb' ? (plan.slug?.stack ?? plan.stack) : plan.stack;
  const { builder, nearest } = builderOf(stack);
  const fates = state.buildpacks.map((name) => ({ name: buildpackName(name), fate: buildpackFate(name) }));
  const chosen = [...new Set(fates.flatMap(({ fate }) => (fate.kind === 'continued' ? [fate.by] : [])))];
  return [
    toml({ strategy: 'buildpacks' }),
    ...(nearest
      ? [
          comment(
            `Check: there is no builder for ${stack} any more; this is the nearest that is still built.`,
          ),
        ]
      : []),
    ...(plan.slug !== null && plan.slug.stack !== stack
      ? [
          comment(
            `Check: the release that was imported runs on ${plan.slug.stack}, the next one was to be built on ${stack}.`,
          ),
        ]
      : []),
    toml({ builder }),
    ...(plan.slug === null ? [] : [toml({ stack: plan.slug.stack })]),
    ...fates.flatMap(({ name, fate }) => {
      if (fate.kind === 'without')
        return [comment(`Check: nothing here continues the buildpack ${name}: ${fate.next}.`)];
      if (fate.kind === 'needless') return [comment(`The buildpack ${name} is not needed: ${fate.why}.`)];
      return fate.check === undefined
        ? []
        : [comment(`Check: ${fate.by} in place of ${name}: ${fate.check}.`)];
    }),
    ...(chosen.length > 0
      ? [toml({ buildpacks: chosen })]
      : [comment('Check: no buildpacks are named here, so those of the builder that fit will build.')]),
    '',
  ];
}

function variables({ config }: AppState): readonly string[] {
  const names = Object.keys(config).sort();
  const usual = names.filter((name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  const odd = names.filter((name) => !usual.includes(name));
  return [
    ...(usual.length > 0
      ? [
          comment(
            'Variables that the app had. Their values are in rollout.json and secrets.age, never here.',
          ),
          toml({ env: usual }),
          '',
        ]
      : []),
    ...(odd.length > 0
      ? [comment(`Check: these are no names of variables elsewhere: ${odd.join(', ')}`), '']
      : []),
  ];
}

function processes({ processes }: AppPlan): readonly string[] {
  const release = processes.find(({ kind, command }) => kind === 'release' && command !== '');
  const others = processes.filter((one) => one.kind !== 'release');
  return [
    ...(release === undefined
      ? []
      : [
          comment('Runs once before a release.'),
          toml({ release: { command: release.command, timeout: RELEASE_TIMEOUT } }),
          '',
        ]),
    ...others.flatMap(process),
    ...inDynoFolder(processes),
  ];
}

/** A dyno has the app in /app, and in an image of buildpacks it is elsewhere. */
function inDynoFolder(processes: readonly ProcessPlan[]): readonly string[] {
  const names = processes
    .filter(({ command }) => /(?:^|[^\w.~-])\/app(?:\/|\b)/.test(command))
    .map(({ name }) => name);
  if (names.length === 0) return [];
  return [
    comment(`Check: the app will lie in /workspace, and the commands of ${names.join(', ')} say /app.`),
    '',
  ];
}

function process({ name, command, kind, replicas }: ProcessPlan): readonly string[] {
  if (command === '' || !isProcessType(name))
    return [comment(`Check: the process ${name} has no command at Heroku that could stand here.`), ''];
  return [
    ...(kind === 'one-off' ? [comment('Runs when somebody asks for it.')] : []),
    toml({ processes: { [name]: { command, replicas } } }),
    '',
  ];
}

function services({ processes }: AppPlan): readonly string[] {
  if (!processes.some(({ name, kind }) => name === 'web' && kind === 'service')) return [];
  return [
    comment(`The web process listens at $PORT, which the runtime sets to ${WEB_PORT}.`),
    toml({
      services: [
        {
          process: 'web',
          internalPort: WEB_PORT,
          ports: [
            { port: 80, handlers: ['http'] },
            { port: 443, handlers: ['tls', 'http'] },
          ],
        },
      ],
    }),
    '',
  ];
}

/** Half of a surrogate pair is no character, and TOML has no way to write it. */
const clean = (value: unknown): unknown => {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, clean(each)]));
  return value;
};

/** As TOML. U+FFFD is written as an escape: raw, it is taken for a file in another encoding. */
const toml = (values: Readonly<Record<string, unknown>>): string =>
  stringify(clean(values)).trimEnd().replaceAll('\ufffd', '\\ufffd');

const WIDTH = 118;

/** As many lines of a comment as it takes; TOML allows no control character in them. */
function comment(text: string): string {
  const lines = [''];
  for (const word of text.replaceAll(/[\p{Cc}\p{Cs}\ufffd]/gu, '?').split(' ')) {
    const last = lines.length - 1;
    const longer = lines[last] === '' ? word : `${lines[last]} ${word}`;
    if (longer.length <= WIDTH || lines[last] === '') lines[last] = longer;
    else lines.push(word);
  }
  return lines.map((each) => `# ${each}`).join('\n');
}
