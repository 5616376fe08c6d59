import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { documentationFaults } from '../../tools/check-docs.ts';
import { ERRORS_PAGE, errorsPage } from '../../tools/errors-page.ts';
import { REPOSITORY } from '../helpers/engines.ts';
import { temporaryFolder } from '../helpers/temp.ts';

test('every link in the documentation leads somewhere', () => {
  expect(documentationFaults(REPOSITORY)).toEqual([]);
});

test('docs/errors.md is what src/errors.ts says', async () => {
  expect(await readFile(ERRORS_PAGE, 'utf8'), 'npm run docs:errors').toBe(errorsPage());
});

test('broken links, missing headings and unnamed code blocks are found', async () => {
  const root = await temporaryFolder();
  await mkdir(join(root, 'docs'));
  await writeFile(join(root, 'docs/a.md'), '# The `build` command, twice\n\n[up](../README.md#start)\n');
  await writeFile(
    join(root, 'README.md'),
    [
      '# Start',
      '[good](docs/a.md#the-build-command-twice) [web](https://example.com/x) [here](#start) [folder](docs)',
      '[gone](docs/b.md) ![gone too](docs/b.png "title") [no heading](docs/a.md#other)',
      '`[not a link](nowhere.md)`',
      '```',
      '[not a link either](nowhere.md)',
      '```',
    ].join('\n'),
  );
  expect(documentationFaults(root)).toEqual([
    'README.md: docs/b.md leads nowhere',
    'README.md: docs/b.png leads nowhere',
    'README.md: docs/a.md#other: docs/a.md has no such heading',
    'README.md:5: a code block without a language',
  ]);
});
