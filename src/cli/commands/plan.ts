import { createSourceCommand } from '../build-flags.ts';
import type { CliHost } from '../host.ts';

/** `build plan [SOURCE]`. */
export function createPlanCommand(host: CliHost, finish: (exitCode: number) => void) {
  return createSourceCommand().action(async (source, flags) => {
    const { runSession } = await import('../session.ts');
    finish(
      await runSession(host, 'plan', flags, async (session) => {
        const { createBuildRequest } = await import('../build-request.ts');
        const request = await createBuildRequest(source, flags, session.config, host.environment);
        const planBuild = await host.pipeline.planBuild();
        const document = await planBuild(request, session.environment);
        const { planText } = await import('../output/plan-text.ts');
        session.print(document, () => planText(document));
        return 0;
      }),
    );
  });
}
