import type { runStatus } from '../heroku-import/folder/run-status.ts';
import type { parseImportDestination } from '../heroku-import/images/destinations.ts';
import type { openHerokuApp } from '../heroku-import/images/open-app.ts';
import type { runImport } from '../heroku-import/import/run-import.ts';
import type { runPlan } from '../heroku-import/plan/run-plan.ts';
import type { runReport } from '../heroku-import/report/run-report.ts';
import type { runVerify } from '../heroku-import/verify/run-verify.ts';
import type { runBuild } from '../pipeline/build.ts';
import type { copyImage } from '../pipeline/copy.ts';
import type { listImages, listTags, removeImages } from '../pipeline/images.ts';
import type { inspectImage } from '../pipeline/inspect.ts';
import type { planBuild } from '../pipeline/plan.ts';
import type { pushImage } from '../pipeline/push.ts';
import type { loadIntoDocker } from '../pipeline/run.ts';
import type { serveImages } from '../pipeline/serve-images.ts';
import type { validateImage } from '../pipeline/validate.ts';

/** The work behind the commands. Each is loaded when its command runs, so that `--help` does not pay for it. */
export interface PipelineLoader {
  runBuild(): Promise<typeof runBuild>;
  planBuild(): Promise<typeof planBuild>;
  pushImage(): Promise<typeof pushImage>;
  copyImage(): Promise<typeof copyImage>;
  inspectImage(): Promise<typeof inspectImage>;
  validateImage(): Promise<typeof validateImage>;
  loadIntoDocker(): Promise<typeof loadIntoDocker>;
  listImages(): Promise<typeof listImages>;
  listTags(): Promise<typeof listTags>;
  removeImages(): Promise<typeof removeImages>;
  serveImages(): Promise<typeof serveImages>;
  planMigration(): Promise<typeof runPlan>;
  openHerokuApp(): Promise<typeof openHerokuApp>;
  verifyMigration(): Promise<typeof runVerify>;
  importApps(): Promise<{
    runImport: typeof runImport;
    parseImportDestination: typeof parseImportDestination;
  }>;
  migrationStatus(): Promise<typeof runStatus>;
  migrationReport(): Promise<typeof runReport>;
}

export const pipelineLoader: PipelineLoader = {
  runBuild: async () => (await import('../pipeline/build.ts')).runBuild,
  planBuild: async () => (await import('../pipeline/plan.ts')).planBuild,
  pushImage: async () => (await import('../pipeline/push.ts')).pushImage,
  copyImage: async () => (await import('../pipeline/copy.ts')).copyImage,
  inspectImage: async () => (await import('../pipeline/inspect.ts')).inspectImage,
  validateImage: async () => (await import('../pipeline/validate.ts')).validateImage,
  loadIntoDocker: async () => (await import('../pipeline/run.ts')).loadIntoDocker,
  listImages: async () => (await import('../pipeline/images.ts')).listImages,
  listTags: async () => (await import('../pipeline/images.ts')).listTags,
  removeImages: async () => (await import('../pipeline/images.ts')).removeImages,
  serveImages: async () => (await import('../pipeline/serve-images.ts')).serveImages,
  planMigration: async () => (await import('../heroku-import/plan/run-plan.ts')).runPlan,
  openHerokuApp: async () => (await import('../heroku-import/images/open-app.ts')).openHerokuApp,
  verifyMigration: async () => (await import('../heroku-import/verify/run-verify.ts')).runVerify,
  importApps: async () => ({
    ...(await import('../heroku-import/import/run-import.ts')),
    ...(await import('../heroku-import/images/destinations.ts')),
  }),
  migrationStatus: async () => (await import('../heroku-import/folder/run-status.ts')).runStatus,
  migrationReport: async () => (await import('../heroku-import/report/run-report.ts')).runReport,
};
