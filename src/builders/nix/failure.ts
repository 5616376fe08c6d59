import { classifyNixFailure, type NixFailure } from '../../engines/nix/failure.ts';
import type { NixPosition } from '../../engines/nix/log.ts';
import { type NixResult, type NixStore, nixStore } from '../../engines/nix/nix.ts';
import { DogwoodError } from '../../errors.ts';
import type { Tree } from '../../source/tree.ts';
import type { PlanContext } from '../builder.ts';
import { derivationName } from './tasks.ts';

/** Lines of a builder's log that an error shows. */
const LAST_LINES = 12;

export interface FailureContext {
  readonly tree: Tree;
  readonly context: PlanContext;
  /** What was asked of Nix, for messages: `packages.x86_64-linux.web of flake.nix`. */
  readonly what: string;
  /** The last lines a derivation's builder said. */
  readonly lastLines?: ((derivation: string) => readonly string[]) | undefined;
}

/** What Nix could not do, as an error with its code: a builder's last lines, an evaluation's file and line. */
export async function nixError(result: NixResult, around: FailureContext): Promise<DogwoodError> {
  const failure = classifyNixFailure(result);
  const { what } = around;
  switch (failure.kind) {
    case 'build':
      return buildError(failure, around);
    case 'evaluation':
      return new DogwoodError(
        'NIX_EVALUATION_FAILED',
        `${what} cannot be evaluated${await place(failure.position, around)}: ${failure.message}`,
      );
    case 'function':
      return new DogwoodError('NIX_EVALUATION_FAILED', `${what} cannot be evaluated: ${failure.message}`, {
        hint: 'A file that wants arguments is a part of something; write a default.nix or flake.nix that calls it.',
      });
    case 'attribute':
      return new DogwoodError('NIX_ATTRIBUTE_NOT_FOUND', `there is no ${what}`);
    case 'import-from-derivation':
      return new DogwoodError('NIX_EVALUATION_FAILED', `${what} builds something while it is evaluated`, {
        hint: 'If you trust the project, allow it with --allow nix-import-from-derivation.',
      });
    case 'restricted':
      return new DogwoodError(
        'NIX_EVALUATION_FAILED',
        `${what} reads what is not the project's: ${failure.message}`,
        {
          hint: 'A stranger’s evaluation sees the project and what it pins at the usual places, nothing else of this machine or the network.',
        },
      );
    case 'lock':
      return new DogwoodError('NIX_INPUT_REFUSED', `flake.lock does not fit flake.nix: ${failure.message}`, {
        hint: 'Run `nix flake lock` and commit flake.lock: what is not pinned is not fetched.',
      });
    case 'sandbox':
      return new DogwoodError(
        'NIX_SANDBOX_UNAVAILABLE',
        `Nix cannot make a sandbox here: ${failure.message}`,
      );
    case 'platform':
      return new DogwoodError(
        'NIX_PLATFORM_UNAVAILABLE',
        `Nix cannot build ${what} here: ${failure.message}`,
      );
    case 'disk':
      return new DogwoodError('DISK_FULL', `the Nix store has no space left: ${failure.message}`);
    case 'network':
      return new DogwoodError('FETCH_FAILED', `Nix could not fetch an input of ${what}: ${failure.message}`, {
        hint: 'Check that this machine reaches the address.',
      });
    case 'store':
      return new DogwoodError('ENGINE_FAILED', `Nix cannot use its store: ${failure.message}`, {
        hint: 'Check the installation with `nix store ping`; root without build users needs `build-users-group =` in nix.conf.',
      });
  }
}

/** Programs of the store run only where it says it lies, which for a store below another root is in a jail. */
export function storeElsewhere(what: string, { logical }: NixStore): DogwoodError {
  return new DogwoodError(
    'NIX_SANDBOX_UNAVAILABLE',
    `${what} has a program that runs at ${logical} only, where this store is not`,
    { hint: 'Leave out --allow nix-unsandboxed: in the jail the store is where it belongs.' },
  );
}

/** The end of a message: what a program said before it failed. */
export function itsLastLines(lines: readonly string[]): string {
  if (lines.length === 0) return '';
  return `; its last lines:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

function buildError(
  failure: Extract<NixFailure, { readonly kind: 'build' }>,
  around: FailureContext,
): DogwoodError {
  const { derivation } = failure;
  const lines = derivation === undefined ? [] : (around.lastLines?.(derivation) ?? []).slice(-LAST_LINES);
  const name = derivation === undefined ? 'a derivation' : derivationName(derivation);
  const why =
    /(?:failed|timed out|produced|hash mismatch)[^\n]*/.exec(failure.message)?.[0] ?? failure.message;
  return new DogwoodError(
    'NIX_BUILD_FAILED',
    `${name} ${/^failed|^timed|^produced/.test(why) ? why : `failed: ${why}`}${itsLastLines(lines)}`,
  );
}

/** ` at flake.nix:5:9`, below the project where it is of the project. */
async function place(position: NixPosition | undefined, { tree, context }: FailureContext): Promise<string> {
  if (position === undefined) return '';
  const { file, line, column } = position;
  const at = `${line}${column === undefined ? '' : `:${column}`}`;
  if (file.startsWith(`${tree.root}/`)) return ` at ${file.slice(tree.root.length + 1)}:${at}`;
  const { logical } = nixStore(context.engines.variables);
  const below = file.slice(file.indexOf(logical) + logical.length + 1);
  const inside = below.slice(below.indexOf('/') + 1);
  // Inputs lie in the store under the same name as the project does.
  const ours = /^[0-9a-z]{32}-source\//.test(below) && (await tree.stat(inside)) !== undefined;
  return ` at ${ours ? inside : below}:${at}`;
}
