import { DogwoodError } from '../../errors.ts';
import { Command, Option } from '../commander.ts';
import { badValue, collect } from '../flag-values.ts';
import { insecureFlag, jsonFlag, timeoutFlag } from '../flags.ts';
import type { CliHost } from '../host.ts';

/** `build images list|rm|serve`. */
export function createImagesCommand(host: CliHost, finish: (exitCode: number) => void) {
  return new Command()
    .usage('list|rm|serve')
    .argument('[COMMAND]')
    .action((word) => {
      const message =
        word === undefined ? 'there is no command behind images' : `there is no build images ${word}`;
      throw new DogwoodError('USAGE', message.slice(0, 120), { hint: 'There are list, rm and serve.' });
    })
    .addCommand(listCommand(host, finish))
    .addCommand(removeCommand(host, finish))
    .addCommand(serveCommand(host, finish));
}

function listCommand(host: CliHost, finish: (exitCode: number) => void) {
  return new Command('list')
    .description('the images of the local store, or the tags of a repository')
    .argument('[REPOSITORY]', 'docker://HOST/REPOSITORY')
    .addOption(insecureFlag())
    .addOption(timeoutFlag())
    .addOption(jsonFlag())
    .action(async (repository, flags) => {
      const { runSession } = await import('../session.ts');
      finish(
        await runSession(host, 'images-list', flags, async (session) => {
          const { imagesText, tagsText } = await import('../output/images-text.ts');
          if (repository !== undefined) {
            const listTags = await host.pipeline.listTags();
            const document = await listTags(repository, session.environment);
            session.print(document, () => tagsText(document));
            return 0;
          }
          const listImages = await host.pipeline.listImages();
          const document = await listImages(session.environment);
          session.print(document, () => imagesText(document));
          return 0;
        }),
      );
    });
}

function removeCommand(host: CliHost, finish: (exitCode: number) => void) {
  return new Command('rm')
    .description('take names away from the local store, where blobs stay, or delete from a registry')
    .argument('<NAME...>', 'NAME[:TAG], sha256:... for every name of an image, or docker://REF')
    .addOption(insecureFlag())
    .addOption(timeoutFlag())
    .addOption(jsonFlag())
    .action(async (names, flags) => {
      const { runSession } = await import('../session.ts');
      finish(
        await runSession(host, 'images-rm', flags, async (session) => {
          const removeImages = await host.pipeline.removeImages();
          const document = await removeImages(names, session.environment);
          const { removedText } = await import('../output/images-text.ts');
          session.print(document, () => removedText(document));
          return 0;
        }),
      );
    });
}

const LISTEN = '127.0.0.1:5000';

function serveCommand(host: CliHost, finish: (exitCode: number) => void) {
  return new Command('serve')
    .description('serve the local store as a pull-only registry, until it is interrupted')
    .addOption(
      new Option('--listen <host:port>', 'where to listen; port 0 takes any that is free').default(LISTEN),
    )
    .addOption(
      new Option('--token-file <file>', 'tokens that may pull, one a line (repeatable)').argParser(
        collect((text) => text),
      ),
    )
    .addOption(new Option('--tls-cert <file>', 'certificate chain, PEM'))
    .addOption(new Option('--tls-key <file>', 'its key, PEM'))
    .addOption(jsonFlag())
    .action(async (flags) => {
      const address = parseListen(flags.listen);
      if ((flags.tlsCert === undefined) !== (flags.tlsKey === undefined)) {
        throw new DogwoodError('USAGE', '--tls-cert and --tls-key belong together');
      }
      const { runSession } = await import('../session.ts');
      finish(
        await runSession(host, 'images-serve', flags, async (session) => {
          const { readServeFiles } = await import('../serve-files.ts');
          const files = await readServeFiles(flags);
          const serveImages = await host.pipeline.serveImages();
          const { servedText } = await import('../output/images-text.ts');
          const stop = new AbortController();
          // The usual way to end it; a second signal ends it at once.
          const giveBack = host.redirectSignals(() => stop.abort());
          try {
            await serveImages(
              {
                ...address,
                ...files,
                stopped: stop.signal,
                onListening: (document) =>
                  session.print(document, () => servedText(document, session.log.path)),
              },
              session.environment,
            );
          } finally {
            giveBack();
          }
          return 0;
        }),
      );
    });
}

function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port > 65535) {
    throw badValue('--listen', text, `write it as HOST:PORT, as in ${LISTEN} or [::1]:0`);
  }
  return { host, port };
}
