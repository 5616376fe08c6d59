import { parseDuration } from '../../plan/files/duration.ts';
import type { HealthCheck, Mount, Project, Service } from '../../plan/project.ts';
import type { Sourced } from '../../plan/sourced.ts';
import { expand } from './expand.ts';
import { splitWords } from './flags.ts';
import { type Instruction, readJson } from './instructions.ts';
import { chainOf, type Dockerfile, type Stage } from './stages.ts';

/** What a stage says of how its image is run, as far as that is known without the image it is built from. */
export interface StageSettings {
  readonly command: Sourced<string> | undefined;
  readonly user: Sourced<string> | undefined;
  readonly stopSignal: Sourced<string> | undefined;
  readonly services: readonly Sourced<Service>[];
  readonly mounts: readonly Sourced<Mount>[];
  readonly healthCheck: Sourced<HealthCheck> | undefined;
}

/** A range of more ports than this is no list of services. */
const MAX_PORTS = 16;

type Words = { readonly words: readonly string[] } | { readonly shell: string };
interface State {
  readonly variables: Map<string, string>;
  readonly given: Readonly<Record<string, string>>;
  readonly escapeToken: string;
  readonly ports: Map<string, Sourced<Service>>;
  readonly volumes: Map<string, Sourced<Mount>>;
  entrypoint: Sourced<Words> | undefined;
  cmd: Sourced<Words> | undefined;
  user: Sourced<string> | undefined;
  stopSignal: Sourced<string> | undefined;
  healthCheck: Sourced<HealthCheck> | undefined;
}

/** Reads the settings of a stage, with those of the stages it is built from. */
export function readSettings(
  dockerfile: Dockerfile,
  stage: Stage,
  given: Readonly<Record<string, string>>,
  file: string,
): StageSettings {
  const state: State = {
    variables: new Map(),
    given,
    escapeToken: dockerfile.directives.escapeToken,
    ports: new Map(),
    volumes: new Map(),
    entrypoint: undefined,
    cmd: undefined,
    user: undefined,
    stopSignal: undefined,
    healthCheck: undefined,
  };
  for (const { instructions } of chainOf(stage)) {
    for (const instruction of instructions) apply(state, instruction, file);
  }
  return {
    command: commandOf(state),
    user: state.user,
    stopSignal: state.stopSignal,
    services: [...state.ports.values()],
    mounts: [...state.volumes.values()],
    healthCheck: state.healthCheck,
  };
}

function apply(state: State, instruction: Instruction, file: string): void {
  const { keyword, rest, line } = instruction;
  const from = `${file} line ${line + 1}`;
  const filled = (text: string) => expand(text, (name) => state.variables.get(name), state.escapeToken);
  switch (keyword) {
    case 'ENV':
      for (const [name, value] of pairs(rest, state.escapeToken))
        state.variables.set(name, filled(value).text);
      break;
    case 'ARG':
      for (const [name, value] of pairs(rest, state.escapeToken)) {
        const known = state.given[name] ?? (value === '' ? undefined : filled(value).text);
        if (known !== undefined) state.variables.set(name, known);
      }
      break;
    case 'EXPOSE':
      for (const word of rest.split(/\s+/)) expose(state, filled(word), from);
      break;
    case 'VOLUME':
      for (const path of readJson(rest) ?? rest.split(/\s+/)) {
        const { text } = filled(path);
        const name = text.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_+|_+$/g, '') || 'data';
        state.volumes.set(text, { value: { name, process: 'web', path: text, size: null }, from });
      }
      break;
    case 'ENTRYPOINT':
      // A new entrypoint forgets the command that was there before (dockerfile reference, "ENTRYPOINT").
      state.entrypoint = { value: words(rest), from };
      state.cmd = undefined;
      break;
    case 'CMD':
      state.cmd = { value: words(rest), from };
      break;
    case 'USER':
      state.user = { value: filled(rest).text, from };
      break;
    case 'STOPSIGNAL':
      state.stopSignal = { value: filled(rest).text, from };
      break;
    case 'HEALTHCHECK':
      state.healthCheck = healthCheck(instruction, from);
      break;
    default:
  }
}

function words(rest: string): Words {
  const json = readJson(rest);
  return json === undefined ? { shell: rest } : { words: json };
}

function pairs(rest: string, escapeToken: string): readonly (readonly [string, string])[] {
  const [first = '', ...more] = splitWords(rest, escapeToken);
  // `ENV NAME the value`, the old form.
  if (!first.includes('=') && more.length > 0) return [[first, rest.slice(first.length).trim()]];
  return [first, ...more].map((word) => {
    const sign = word.indexOf('=');
    return sign === -1 ? [word, ''] : [word.slice(0, sign), word.slice(sign + 1)];
  });
}

function expose(state: State, { text, partial }: { text: string; partial: boolean }, from: string): void {
  const [, first = '', last = first, protocol = 'tcp'] =
    /^([0-9]{1,5})(?:-([0-9]{1,5}))?(?:\/(tcp|udp))?$/i.exec(text) ?? [];
  const [start, end] = [Number(first), Number(last)];
  if (partial || first === '' || start < 1 || end > 65535 || end - start >= MAX_PORTS) return;
  const kind = protocol.toLowerCase() === 'udp' ? 'udp' : 'tcp';
  for (let port = start; port <= end; port++) {
    state.ports.set(`${port}/${kind}`, {
      value: { process: 'web', protocol: kind, internalPort: port, ports: [], exposure: 'private' },
      from,
    });
  }
}

function healthCheck({ rest, flags }: Instruction, from: string): Sourced<HealthCheck> | undefined {
  const command = /^CMD\s+(.*)$/is.exec(rest)?.[1];
  if (command === undefined) return undefined;
  const json = readJson(command);
  const seconds = (flag: string): number | null =>
    parseDuration(flags.find(({ name }) => name === flag)?.value);
  return {
    value: {
      process: 'web',
      kind: 'exec',
      value: json === undefined ? command : shellText(json),
      port: null,
      interval: seconds('interval'),
      timeout: seconds('timeout'),
      grace: seconds('start-period'),
    },
    from,
  };
}

/** What runs when nothing is said: the entrypoint with the command as its arguments. */
function commandOf({ entrypoint, cmd }: State): Sourced<string> | undefined {
  if (entrypoint === undefined) return cmd && { value: textOf(cmd.value), from: cmd.from };
  // An entrypoint in the shell form takes no arguments.
  if (cmd === undefined || 'shell' in entrypoint.value) {
    return { value: textOf(entrypoint.value), from: entrypoint.from };
  }
  const rest = 'shell' in cmd.value ? shellText(['/bin/sh', '-c', cmd.value.shell]) : textOf(cmd.value);
  return { value: `${textOf(entrypoint.value)} ${rest}`.trim(), from: cmd.from };
}

const textOf = (value: Words): string => ('shell' in value ? value.shell : shellText(value.words));

const shellText = (list: readonly string[]): string =>
  list.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');

/** What the project's own files do not say, from the Dockerfile. */
export function withSettings(project: Project, settings: StageSettings): Project {
  const { command, services, mounts, healthCheck: check } = settings;
  return {
    ...project,
    processes:
      command === undefined || project.processes.web !== undefined
        ? project.processes
        : { ...project.processes, web: command },
    services: project.services.length > 0 ? project.services : services,
    mounts: project.mounts.length > 0 ? project.mounts : mounts,
    healthChecks: project.healthChecks.length > 0 || check === undefined ? project.healthChecks : [check],
  };
}
