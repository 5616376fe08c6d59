import { writeFile } from 'node:fs/promises';
import { DogwoodError } from '../../errors.ts';
import type { TempFiles } from '../../oci/stores/temp-files.ts';
import { redactValues } from '../redact.ts';

/**
 * Variables that pack, or a credential helper below it, would act on: an application's AWS_PROFILE must not decide
 * with which account a builder is pulled.
 */
const HEARD_BY_PACK =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|TERM|LANG|LANGUAGE|TZ|NO_COLOR|LC_.*|XDG_.*|DOCKER_.*|PACK_.*|CNB_.*|GO[A-Z]*|LD_.*|DYLD_.*|SSL_CERT_.*|SSH_.*|AWS_.*|AZURE_.*|ACR_.*|ECR_.*|GOOGLE_.*|GCLOUD_.*|CLOUDSDK_.*|GITHUB_.*|REGISTRY_AUTH_FILE|.*_PROXY|.*_proxy)$/;

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** How the values of variables reach pack. Neither of them is in its argument list. */
export interface PackVariables {
  /** In the environment of its process, and named by `--env`. */
  readonly inProcess: Readonly<Record<string, string>>;
  /** In a file that is removed when the build is over, named by `--env-file`. */
  readonly inFile: Readonly<Record<string, string>>;
}

/** Throws USAGE for a variable that can be handed over neither way. */
export function packVariables(env: Readonly<Record<string, string>>): PackVariables {
  const inProcess: Record<string, string> = {};
  const inFile: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (!NAME.test(name)) throw new DogwoodError('USAGE', `${JSON.stringify(name)} is no name of a variable`);
    if (!HEARD_BY_PACK.test(name)) inProcess[name] = value;
    else if (value === value.trim() && !/[\n\0]/.test(value)) inFile[name] = value;
    else {
      throw new DogwoodError('USAGE', `the value of ${name} has line ends, or spaces around it`, {
        hint: 'pack itself listens to a variable of that name, so its value must be a single line.',
      });
    }
  }
  return { inProcess, inFile };
}

/** Runs with the path of a file that holds the variables; undefined when there are none. */
export async function withVariablesFile<T>(
  variables: Readonly<Record<string, string>>,
  temp: TempFiles,
  run: (path: string | undefined) => Promise<T>,
): Promise<T> {
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
  if (lines.length === 0) return run(undefined);
  return temp.use(async (path) => {
    await writeFile(path, lines.join(''), { mode: 0o600, flag: 'wx' });
    return run(path);
  });
}

/**
 * Hides the values of variables in what a buildpack prints. Which of them are secrets nobody says; a line that is a
 * single lower-case word (`production`) is not taken for one.
 */
export function redactor(env: Readonly<Record<string, string>>): (line: string) => string {
  const lines = Object.values(env).flatMap((value) => value.split(/\r?\n/));
  return redactValues(lines.filter((line) => !/^[a-z]+$/.test(line)));
}
