import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { DogwoodError } from '../../errors.ts';
import { migrationPaths } from '../folder/migration-folder.ts';
import type { MigrationPlan } from './plan-document.ts';

/** What is relied upon of a plan; the rest of it is shown, and was written by this program. */
const plan = z.looseObject({
  schemaVersion: z.literal(1),
  api: z.string(),
  apps: z.array(
    z.looseObject({
      app: z.string().regex(/^[a-z][a-z0-9-]{0,60}$/, 'no name of an app'),
      id: z.string().regex(/^[\w-]+$/),
      fate: z.enum(['slug', 'container', 'fir', 'nothing', 'closed']),
      variables: z.array(z.looseObject({ name: z.string(), class: z.string() })),
      processes: z.array(z.looseObject({ name: z.string(), command: z.string() })),
      domains: z.array(z.string()),
      notCarried: z.array(z.looseObject({ what: z.string() })),
      warnings: z.array(z.string()),
    }),
  ),
}) as unknown as z.ZodType<MigrationPlan, MigrationPlan>;

/** `DIR/plan.json`. Throws MIGRATION_PLAN_MISSING, MIGRATION_PLAN_INVALID. */
export async function readPlan(folder: string): Promise<MigrationPlan> {
  const path = migrationPaths(folder).plan;
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') {
      throw new DogwoodError('MIGRATION_PLAN_MISSING', `there is no ${path}`, { cause });
    }
    throw new DogwoodError('MIGRATION_FOLDER_UNUSABLE', `${path} cannot be read (${cause.code})`, { cause });
  });
  const result = plan.safeParse(parsed(text));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new DogwoodError('MIGRATION_PLAN_INVALID', `${path}: ${issue?.path.join('.')}: ${issue?.message}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
