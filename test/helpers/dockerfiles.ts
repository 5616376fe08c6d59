import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { engineOrThrow } from './engines.ts';
import { temporaryFolder } from './temp.ts';

/** The beginning of a Dockerfile whose steps have a shell without any base image; the context needs `busybox`. */
export const SHELL = `FROM scratch AS shell
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
`;

/** A folder with a Dockerfile, a static busybox and these files in it. */
export async function dockerfileApp(
  dockerfile: string,
  files: Readonly<Record<string, string>> = {},
): Promise<string> {
  const folder = await temporaryFolder();
  await copyFile(engineOrThrow('busybox'), join(folder, 'busybox'));
  await chmod(join(folder, 'busybox'), 0o755);
  for (const [path, content] of Object.entries({ Dockerfile: dockerfile, ...files })) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

/** A web process that answers with a file that a step made. */
export const WEB = `${SHELL}RUN mkdir -p /www && echo "made by a step" > /www/index.html
COPY extra.txt /www/
ENV HOME=/tmp
EXPOSE 8080
HEALTHCHECK --interval=5s CMD wget -q -O - http://127.0.0.1:8080/
CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]
`;
