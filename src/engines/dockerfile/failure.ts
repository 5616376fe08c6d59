import { stripVTControlCharacters } from 'node:util';
import { DogwoodError } from '../../errors.ts';
import type { FailedStep } from './solve-status.ts';

/** What an engine said when a build failed. */
export interface EngineComplaint {
  /** For messages. */
  readonly engine: string;
  /** Its error, without progress. */
  readonly text: string;
  readonly step: FailedStep | undefined;
  /** Line of the Dockerfile, from 1, where the engine says it. */
  readonly line?: number | undefined;
}

type Rule = readonly [RegExp, (complaint: EngineComplaint) => DogwoodError];

const infra = (code: 'ENGINE_FAILED' | 'ENGINE_MISSING' | 'DISK_FULL' | 'REGISTRY_UNREACHABLE'): Rule[1] => {
  return ({ engine, text }) => new DogwoodError(code, `${engine}: ${firstLine(text)}`);
};

/** In this order: the words of BuildKit, Docker's classic builder and Buildah for the same things. */
const RULES: readonly Rule[] = [
  [/no space left on device|disk quota exceeded/i, infra('DISK_FULL')],
  [
    /target (?:stage )?"?[^"\s]*"? (?:could not be found|not found|is not)|failed to reach build target|the target "[^"]*" was not found/i,
    ({ text }) => new DogwoodError('TARGET_NOT_FOUND', firstLine(text)),
  ],
  [
    /dockerfile parse error|unknown instruction|Dockerfile parse error|failed to parse Dockerfile|file with no instructions|no build stage in current context|the Dockerfile.*cannot be empty|unterminated heredoc|circular dependency detected|Unknown flag|unknown flag: --|only supports the .* flags|requires (?:at least|exactly|either) .* argument/i,
    (complaint) =>
      new DogwoodError('DOCKERFILE_INVALID', `${where(complaint)}${strip(firstLine(complaint.text))}`),
  ],
  [/secret ([^\s:]+): not found|required secret|secret .* (?:is )?required/i, secretMissing],
  [
    /did not complete successfully|returned a non-zero code|executor failed running|error building at STEP "RUN|while running runtime: exit status/i,
    stepFailed,
  ],
  [
    /\b401\b|unauthorized|authentication required|no basic auth credentials|failed to fetch (?:anonymous|oauth) token/i,
    ({ engine, text }) => new DogwoodError('REGISTRY_UNAUTHORIZED', `${engine}: ${firstLine(text)}`),
  ],
  [
    /pull access denied|repository does not exist|insufficient_scope/i,
    ({ engine, text }) =>
      new DogwoodError('IMAGE_NOT_FOUND', `${engine}: ${firstLine(text)}`, {
        hint: 'Check the name of the base image; a private one needs `docker login HOST`.',
      }),
  ],
  [
    /\b403\b|denied: /i,
    ({ engine, text }) => new DogwoodError('REGISTRY_DENIED', `${engine}: ${firstLine(text)}`),
  ],
  [
    /manifest unknown|manifest for .* not found|(?:source metadata|image|pulling|initializing source|base name|resolve).*(?:not found|no such image|short-name)/i,
    ({ engine, text }) =>
      new DogwoodError('IMAGE_NOT_FOUND', `${engine}: ${firstLine(text)}`, {
        hint: 'Check the name and tag of the base image.',
      }),
  ],
  [
    /dial unix .*(?:no such file|refused|denied)|connection error: desc|error while dialing|cannot connect to the docker daemon|EOF$|error reading from server/i,
    infra('ENGINE_FAILED'),
  ],
  [
    /no such host|dial tcp|i\/o timeout|TLS handshake|connection refused|network is unreachable|server misbehaving/i,
    infra('REGISTRY_UNREACHABLE'),
  ],
  [
    /failed to compute cache key|failed to calculate checksum|COPY failed|ADD failed|error building at STEP "(?:COPY|ADD)|no such file or directory|not found/i,
    stepFailed,
  ],
];

/** The error that an engine's complaint stands for. What nobody recognises is ENGINE_FAILED. */
export function buildFailure(complaint: EngineComplaint): DogwoodError {
  const text = `${complaint.text}\n${complaint.step?.error ?? ''}`;
  const rule = RULES.find(([pattern]) => pattern.test(text));
  if (rule !== undefined) return rule[1](complaint);
  if (complaint.step !== undefined) return stepFailed(complaint);
  return new DogwoodError('ENGINE_FAILED', `${complaint.engine}: ${firstLine(complaint.text)}`);
}

function stepFailed(complaint: EngineComplaint): DogwoodError {
  const { step, text } = complaint;
  const error = step?.error ?? firstLine(text);
  const code = /(?:exit code:|exit status|non-zero code:|returned a non-zero code:)\s*([0-9]+)/.exec(
    `${error}\n${text}`,
  )?.[1];
  const instruction = step === undefined ? '' : `${oneLine(step.name)}: `;
  const lines = (step?.lastLines ?? []).map(plain).filter((line) => line.trim() !== '');
  const said = lines.length === 0 ? '' : `\n${lines.map((line) => `  ${line}`).join('\n')}`;
  const outcome = code === undefined ? strip(firstLine(error)) : `exit code ${code}`;
  return new DogwoodError(
    'DOCKERFILE_STEP_FAILED',
    `${where(complaint)}${instruction}${outcome}${said}`,
    code === '137'
      ? { hint: 'Exit code 137 is a kill, mostly for want of memory; give the engine more.' }
      : {},
  );
}

function secretMissing(complaint: EngineComplaint): DogwoodError {
  const id = /secret "?([^\s":]+)"?: not found/.exec(complaint.text)?.[1];
  return new DogwoodError(
    'SECRET_MISSING',
    `${where(complaint)}a step needs the secret ${id ?? '(see the log)'}, which was not given`,
  );
}

/** Colours are for terminals. */
const plain = (line: string): string => stripVTControlCharacters(line);

const where = ({ line }: EngineComplaint): string =>
  line === undefined ? '' : `line ${line} of the Dockerfile: `;

const oneLine = (text: string): string => {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 300)}...` : line;
};

function firstLine(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return oneLine(lines.find((line) => /error|fail/i.test(line)) ?? lines[0] ?? 'it does not say why');
}

/** Without the words that every message of BuildKit begins with. */
const strip = (text: string): string =>
  text.replace(/^(?:error|ERROR): (?:failed to build: )?(?:failed to solve: )?/, '');

/** `Dockerfile:7` at the head of the excerpt that BuildKit prints. */
export function lineInExcerpt(text: string): number | undefined {
  const line = /^[^\s{].*:([0-9]+)\n-{10,}$/m.exec(text)?.[1];
  return line === undefined ? undefined : Number(line);
}
