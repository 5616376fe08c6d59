import { Command } from '../commander.ts';
import { jsonFlag } from '../flags.ts';
import type { CliHost } from '../host.ts';
import { terminalJson } from '../output/escape.ts';

/** What is broken is a machine's fault: the exit code of infrastructure. */
const BROKEN = 3;

/** `build doctor`. Without a session: it must work where the config file or the home folder is what is broken. */
export function createDoctorCommand(host: CliHost, finish: (exitCode: number) => void) {
  return new Command().addOption(jsonFlag()).action(async ({ json }) => {
    const [{ examine }, { doctorText }] = await Promise.all([
      import('../doctor.ts'),
      import('../output/doctor-text.ts'),
    ]);
    const document = await examine(host, host.interrupted);
    host.stdout.write(json ? `${terminalJson(document, 2)}\n` : doctorText(document));
    finish(document.ok ? 0 : BROKEN);
  });
}
