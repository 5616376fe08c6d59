import { DogwoodError } from '../../errors.ts';
import { isRepositoryName } from '../../oci/reference.ts';
import type { Token } from './access.ts';

/** Too short to be guessed by asking. */
const MIN_LENGTH = 16;

/**
 * Tokens as a file has them: one a line, behind it the repositories that it may pull from (`app`, `team/*`), or
 * none for all. Empty lines and those that begin with `#` are skipped.
 *
 * @param path for messages, and as the name of its tokens in the log
 * @throws CONFIG_INVALID with the line, never with the token
 */
export function parseTokenFile(text: string, path: string): readonly Token[] {
  const tokens = text.split('\n').flatMap((line, index): Token[] => {
    const [secret, ...repositories] = line.trim().split(/\s+/);
    if (!secret || secret.startsWith('#')) return [];
    const name = `${path}:${index + 1}`;
    if (secret.length < MIN_LENGTH) throw invalid(`${name}: a token has at least ${MIN_LENGTH} characters`);
    const wrong = repositories.findIndex((repository) => !isRepositoryName(repository.replace(/\/\*$/, '')));
    if (wrong !== -1) throw invalid(`${name}: word ${wrong + 2} is no repository, as in app or team/*`);
    return [{ name, secret, repositories }];
  });
  if (tokens.length === 0) throw invalid(`${path} holds no token`);
  return tokens;
}

function invalid(message: string): DogwoodError {
  return new DogwoodError('CONFIG_INVALID', message, {
    hint: 'Write one token a line, as `openssl rand -hex 32` makes them.',
  });
}
