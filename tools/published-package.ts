/**
 * What is published differs from what is developed: a consumer brings a Node of its own, so the locked Node
 * binaries go, and with them what only development needs. npm packs the package.json that lies in the folder,
 * hence `strip` (prepack) puts another in its place and `restore` (postpack) brings it back.
 */
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

const PACKAGE = 'package.json';
const KEPT = '.package.json.unpacked';

type Package = Record<string, unknown>;

function published(developed: Package): Package {
  const { scripts: _, devDependencies: __, allowScripts: ___, optionalDependencies, ...rest } = developed;
  const optional = Object.entries((optionalDependencies ?? {}) as Record<string, string>).filter(
    ([name]) => !name.startsWith('node-'),
  );
  return optional.length === 0 ? rest : { ...rest, optionalDependencies: Object.fromEntries(optional) };
}

function restore(): void {
  if (existsSync(KEPT)) renameSync(KEPT, PACKAGE);
}

function strip(): void {
  restore(); // an earlier packing was interrupted
  copyFileSync(PACKAGE, KEPT);
  const developed = JSON.parse(readFileSync(PACKAGE, 'utf8')) as Package;
  writeFileSync(PACKAGE, `${JSON.stringify(published(developed), undefined, 2)}\n`);
}

const [action] = process.argv.slice(2);
if (action === 'strip') strip();
else if (action === 'restore') restore();
else throw new Error('strip or restore?');
