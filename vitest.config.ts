import { defineConfig } from 'vitest/config';
import { SkipReporter } from './test/helpers/skip-reporter.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/helpers/run-folder.ts'],
    reporters: ['default', new SkipReporter()],
    // Processes, not threads: tests change their umask, locale and working directory and send signals.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    // A hook may start a Docker daemon or load an image of 200 MB.
    hookTimeout: 120_000,
  },
});
