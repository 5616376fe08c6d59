import { z } from 'zod';
import type { RunHelper } from '../../engines/credential-helper.ts';
import { DogwoodError } from '../../errors.ts';
import { createSharing } from '../http/sharing.ts';
import type { Credential } from './credentials.ts';

/** Docker Hub's key for helpers is an address of its first registry, v1. */
const DOCKER_HUB_KEY = 'https://index.docker.io/v1/';
/** A helper's word for "this secret is an identity token". */
const TOKEN_USER = '<token>';
const NOT_FOUND = /credentials not found in native (?:keychain|store)/i;

const helperOutput = z.looseObject({ Username: z.string(), Secret: z.string() });

export type AskHelper = (
  helper: string,
  host: string,
  signal: AbortSignal | undefined,
) => Promise<Credential | undefined>;

/** Asks each helper once for a host, since it may ask a person; undefined where it has nothing. Throws CREDENTIALS_UNREADABLE. */
export function createHelpers(runHelper: RunHelper): AskHelper {
  const answers = new Map<string, Credential | undefined>();
  const share = createSharing<Credential | undefined>();
  return async (helper, host, signal) => {
    const key = `${helper} ${host}`;
    if (answers.has(key)) return answers.get(key);
    const answer = await share(key, (stopped) => ask(runHelper, helper, host, stopped), signal);
    answers.set(key, answer);
    return answer;
  };
}

async function ask(
  runHelper: RunHelper,
  helper: string,
  host: string,
  signal: AbortSignal,
): Promise<Credential | undefined> {
  const source = `docker-credential-${helper}`;
  const { exitCode, stdout } = await runHelper(helper, host === 'docker.io' ? DOCKER_HUB_KEY : host, signal);
  if (exitCode !== 0) {
    if (NOT_FOUND.test(stdout)) return undefined;
    throw new DogwoodError('CREDENTIALS_UNREADABLE', `${source} failed for ${host} (exit code ${exitCode})`, {
      hint: `Run \`echo ${host} | ${source} get\` to see why, or \`docker login ${host}\`.`,
    });
  }
  let answer: z.infer<typeof helperOutput>;
  try {
    answer = helperOutput.parse(JSON.parse(stdout));
  } catch {
    throw new DogwoodError('CREDENTIALS_UNREADABLE', `${source} answered for ${host} with no credential`);
  }
  const { Username: username, Secret: secret } = answer;
  if (username === TOKEN_USER) return { kind: 'identity', username, token: secret, source };
  return username === '' && secret === ''
    ? undefined
    : { kind: 'password', username, password: secret, source };
}
