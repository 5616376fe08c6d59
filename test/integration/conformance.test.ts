/**
 * The official conformance program (distribution-spec, `conformance`) against our pull-only registry: pull, content
 * discovery and referrers. What is not asked of it: pushing, mounting and deleting, which a pull-only registry has not.
 */
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { requireToken } from '../../src/registry/server/access.ts';
import { describeWith } from '../helpers/engines.ts';
import { createPushFront } from '../helpers/push-front.ts';
import { serveStore } from '../helpers/served-store.ts';
import { putJson, putSmallImage, putSmallIndex, TYPES } from '../helpers/small-image.ts';
import { temporaryFolder } from '../helpers/temp.ts';

interface TestCase {
  /** `image/pull/blob-get`. */
  readonly name: string;
  /** `Pass`, `FAIL`, `Skip`, `Disabled` or `Error`. */
  readonly status: string;
  /** What is wrong. */
  readonly said: string;
}

/** What a pull-only registry has not: the program is told so. */
const NO_DELETES = {
  OCI_API_TAGS_DELETE: 'false',
  OCI_API_MANIFESTS_DELETE: 'false',
  OCI_API_BLOBS_DELETE: 'false',
  OCI_API_BLOBS_UPLOAD_CANCEL: 'false',
  OCI_API_MANIFESTS_TAG_PARAM: 'false',
};

/**
 * Runs the program; gives the leaves of the tree of tests that it prints. (Told not to push, it falls over while it
 * writes the same into files, at results.yaml.)
 */
async function runConformance(
  program: string,
  environment: Readonly<Record<string, string>>,
): Promise<readonly TestCase[]> {
  const folder = await temporaryFolder();
  const { stdout } = await execa(program, {
    cwd: folder,
    env: {
      OCI_TLS: 'disabled',
      OCI_REPO1: 'team/app',
      OCI_REPO2: 'team/other',
      OCI_RESULTS_DIR: folder,
      ...NO_DELETES,
      ...environment,
    },
    reject: false,
  });
  const lines = stdout.slice(0, stdout.indexOf('Configuration:')).split('\n');
  const cases = lines.flatMap((line, i) => {
    const [, name = '', status = ''] = /^ *OCI Conformance Test\/(.+): (\w+)$/.exec(line) ?? [];
    const next = lines[i + 1] ?? '';
    const isLeaf = name !== '' && !next.includes(`OCI Conformance Test/${name}/`);
    return isLeaf ? [{ name, status, said: next.includes(' - ') ? next.trim() : '' }] : [];
  });
  return cases;
}

const withStatus = (cases: readonly TestCase[], ...statuses: readonly string[]) =>
  cases.filter(({ status }) => statuses.includes(status));

/** Of what a pull-only registry has: everything but pushing, mounting and deleting. */
const isPull = ({ name }: TestCase) =>
  /(?:^|\/)(?:ping|empty|head|pull|tag-list|referrers|blob-head|blob-get|get-missing|range requests|missing-manifest|manifest-get)(?:\/|$)/.test(
    name,
  ) && !/delete$/.test(name);

describeWith(['conformance'], 'the conformance program', ({ conformance }) => {
  it('finds a registry that is never pushed to in order', async () => {
    const token = 'a-token-for-the-conformance-program';
    const { store, host } = await serveStore({
      authorize: requireToken([{ name: 'test', secret: token, repositories: ['team/*'] }]),
    });
    const image = await putSmallImage(store);
    await store.tag(image.descriptor, 'team/app:image');
    const index = await putSmallIndex(store, [{ os: 'linux', architecture: 'arm64' }]);
    await store.tag(index.descriptor, 'team/app:index');
    const referrer = await putJson(
      store,
      {
        schemaVersion: 2,
        mediaType: TYPES.manifest,
        artifactType: 'application/vnd.example.sbom',
        config: image.config,
        layers: [],
        subject: image.descriptor,
      },
      TYPES.manifest,
    );
    await store.addRoot?.(referrer);
    const manifests = [
      image.descriptor,
      index.descriptor,
      referrer,
      ...index.images.map((one) => one.descriptor),
    ];
    const cases = await runConformance(conformance, {
      OCI_REGISTRY: host,
      OCI_USERNAME: 'anybody',
      OCI_PASSWORD: token,
      OCI_API_PUSH: 'false',
      OCI_API_TAGS_DELETE: 'false',
      OCI_API_MANIFESTS_DELETE: 'false',
      OCI_API_BLOBS_DELETE: 'false',
      OCI_RO_DATA_TAGS: 'image index',
      OCI_RO_DATA_MANIFESTS: manifests.map(({ digest }) => digest).join(' '),
      OCI_RO_DATA_BLOBS: [image.config, ...image.layers].map(({ digest }) => digest).join(' '),
      OCI_RO_DATA_REFERRERS: image.descriptor.digest,
    });
    expect(withStatus(cases, 'FAIL', 'Error')).toEqual([]);
    const passed = withStatus(cases, 'Pass').map(({ name }) => name);
    expect(passed).toHaveLength(26);
    // Without a single push the program only skips the parts that push or delete, and those of blobs it makes itself.
    const left = cases.filter(({ status }) => status !== 'Pass').map(({ name }) => name);
    expect(
      left.filter((name) => !/(?:^|\/)(?:push|delete|manifest-put|sha(?:256|512) blobs)(?:\/|$)/.test(name)),
    ).toEqual([]);
  });

  it('finds what it pushed, byte for byte, through a front that takes it in', async () => {
    const { host } = await serveStore(createPushFront());
    // `dev` also wants Docker-Content-Digest with every answer.
    const cases = await runConformance(conformance, { OCI_REGISTRY: host, OCI_VERSION: 'dev' });
    const pulls = cases.filter(isPull);
    expect(pulls.filter(({ status }) => status !== 'Pass')).toEqual([]);
    expect(pulls.length).toBeGreaterThan(250);
    const count = (part: string) => pulls.filter(({ name }) => `/${name}/`.includes(`/${part}/`)).length;
    expect(count('range requests')).toBeGreaterThanOrEqual(12);
    expect(count('referrers')).toBeGreaterThanOrEqual(4);
    for (const part of ['head', 'pull', 'tag-list']) expect(count(part)).toBeGreaterThan(10);
    // The front is no part of what is tested, but where it fails the content is not what was meant.
    expect(withStatus(cases, 'FAIL', 'Error')).toEqual([]);
  });
});
