import type { BuildRequest, Quorum } from '../../plan/request.ts';
import type { SucceededBuild } from '../../plan/result.ts';
import { createSourceCommand, type SourceFlags } from '../build-flags.ts';
import { quorumFlag } from '../flags.ts';
import type { CliHost } from '../host.ts';
import type { Session } from '../session.ts';
import { COMMANDS } from '../summaries.ts';

const EPILOGUE = [
  '',
  'The first word decides: a command above is that command, anything else is a SOURCE. A SOURCE that is named like',
  'a command is written ./plan, or behind --.',
  '',
  'With neither -t nor -o the image goes to the regions of dogwood.toml that have a registry; where there are none, to',
  'the local store, named after the app.',
];

function commandsHelp(): string {
  const rows = COMMANDS.map(({ name, synopsis, summary }) => [
    `build ${name} ${synopsis}`.trimEnd(),
    summary,
  ]);
  const width = Math.max(...rows.map(([usage]) => usage?.length ?? 0));
  return ['', 'Other commands:', ...rows.map(([usage, summary]) => `  ${usage?.padEnd(width)}  ${summary}`)]
    .concat(EPILOGUE)
    .join('\n');
}

/** `build [SOURCE]`. */
export function createBuildCommand(host: CliHost, finish: (exitCode: number) => void) {
  return createSourceCommand()
    .addOption(quorumFlag())
    .version(host.version, '--version', 'show the version')
    .addHelpText('after', commandsHelp)
    .action(async (source, flags) => finish(await build(host, source, flags)));
}

async function build(
  host: CliHost,
  source: string,
  flags: SourceFlags & { quorum: Quorum },
): Promise<number> {
  const { runSession } = await import('../session.ts');
  return runSession(host, 'build', flags, async (session) => {
    const { createBuildRequest } = await import('../build-request.ts');
    const request = await createBuildRequest(source, flags, session.config, host.environment);
    const runBuild = await host.pipeline.runBuild();
    const result = await runBuild(request, session.environment);
    if (result.status === 'failed') return session.fail(result);
    await printResult(session, request, result);
    return exitCode(result, flags.quorum);
  });
}

async function exitCode(result: SucceededBuild, quorum: Quorum): Promise<number> {
  const { regionsExitCode } = await import('../regions.ts');
  return regionsExitCode(result.references, quorum);
}

async function printResult(session: Session, request: BuildRequest, result: SucceededBuild): Promise<void> {
  const [{ resultText }, { findLocalName }] = await Promise.all([
    import('../output/result-text.ts'),
    import('../local-name.ts'),
  ]);
  const isLocal = result.references.length === 0 && request.output === undefined;
  const localName = isLocal ? await findLocalName(session.environment.home, result.image.digest) : undefined;
  session.print(result, () => resultText(result, { localName, output: request.output }));
}
