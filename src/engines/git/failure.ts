import { DogwoodError, type ErrorCode } from '../../errors.ts';

/** What git says (in the C locale, all versions from 2.24 on), and what it means. The first that fits counts. */
const MEANINGS: readonly (readonly [RegExp, ErrorCode, string])[] = [
  [/Host key verification failed/, 'GIT_DENIED', 'the host key of {host} is not known here'],
  [
    /Authentication failed|could not read (?:Username|Password)|Permission denied|terminal prompts disabled|returned error: 40[13]|Access denied|HTTP Basic: Access denied/,
    'GIT_DENIED',
    'nobody may read {repository} without other credentials',
  ],
  [/dubious ownership/, 'GIT_DENIED', '{repository} belongs to another user of this machine'],
  [
    /Could not resolve host|Name or service not known|Temporary failure in name resolution|Could not resolve hostname/i,
    'GIT_UNREACHABLE',
    'there is no host {host}',
  ],
  [
    /couldn't find remote ref|not our ref|unadvertised object|no such remote ref|Remote branch .* not found/i,
    'GIT_REF_NOT_FOUND',
    '{repository} has no {ref}',
  ],
  [
    /Failed to connect|Couldn't connect|Connection (?:refused|timed out|reset|closed)|Operation (?:timed out|too slow)|early EOF|returned error: 5\d\d|unexpected disconnect|No route to host|Network is unreachable|SSL|certificate/i,
    'GIT_UNREACHABLE',
    '{host} cannot be reached',
  ],
  [
    /not found|does not appear to be a git repository|does not exist|returned error: 404|not valid: is this a git repository/i,
    'GIT_REPOSITORY_NOT_FOUND',
    'there is no repository {repository}, or it is hidden from us',
  ],
];

/** What the failure is about. Neither holds credentials. */
export interface GitSubject {
  readonly repository: string;
  readonly host: string;
  readonly ref: string;
}

/** git's failure as ours. Its own words are shown only where they are not understood, without addresses. */
export function gitFailure(stderr: string, subject: GitSubject): DogwoodError {
  for (const [pattern, code, message] of MEANINGS) {
    if (!pattern.test(stderr)) continue;
    const text = message.replace(/\{(\w+)\}/g, (_all, name: string) => subject[name as keyof GitSubject]);
    return new DogwoodError(code, text);
  }
  return new DogwoodError('GIT_FAILED', `git could not fetch ${subject.repository}: ${lastWords(stderr)}`);
}

function lastWords(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => /^(?:fatal|error|remote):/.test(line));
  const line = lines.findLast((each) => !each.startsWith('remote:')) ?? lines.at(-1) ?? 'it does not say why';
  return line.replace(/\w+:\/\/\S+/g, '...').slice(0, 300);
}
