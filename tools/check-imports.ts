/** `npm run check:imports [ROOT]`: the rules of import-rules.ts over every source below ROOT/src. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from 'oxc-parser';
import { importViolations, type ModuleImports } from './import-rules.ts';

const root = process.argv[2] ?? join(import.meta.dirname, '..');
const sources = join(root, 'src');
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly dependencies: Readonly<Record<string, string>>;
};
const modules = readdirSync(sources, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => read(path.replaceAll('\\', '/')));
const violations = importViolations(modules, new Set(Object.keys(dependencies)));
for (const line of violations) process.stdout.write(`${line}\n`);
process.stdout.write(`${modules.length} files, ${violations.length} violations of the import rules\n`);
if (violations.length > 0) process.exitCode = 1;

/** Every import of a file: static, re-exporting, dynamic, of types. */
function read(path: string): ModuleImports {
  const code = readFileSync(join(sources, path), 'utf8');
  const { module, errors } = parseSync(path, code);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const reexported = module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ moduleRequest }) => moduleRequest?.value ?? []),
  );
  const dynamic = module.dynamicImports.map(({ moduleRequest }) =>
    code.slice(moduleRequest.start, moduleRequest.end).replace(/^['"`]|['"`]$/g, ''),
  );
  const imported = module.staticImports.map(({ moduleRequest }) => moduleRequest.value);
  return { path, specifiers: [...new Set([...imported, ...reexported, ...dynamic, ...importTypes(code)])] };
}

/** `import('./x.ts').Type` in a type position, which the parser does not list among the module's imports. */
function importTypes(code: string): readonly string[] {
  return [...code.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)].flatMap((match) => match[1] ?? []);
}
