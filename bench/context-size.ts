/** Prints the seconds that adding up a build context takes, in a process that has begun already. */
import { contextSize } from '../src/source/ignore/context-size.ts';
import { parseDockerignore } from '../src/source/ignore/dockerignore.ts';
import { openTree } from '../src/source/tree.ts';

const [, , folder = '.'] = process.argv;
const tree = await openTree(folder);
const ignore = parseDockerignore('node_modules\n.git\n**/*.log\n*.md\ndist\n');
const start = performance.now();
await contextSize(tree, ignore);
process.stdout.write(`${(performance.now() - start) / 1000}\n`);
