import { DogwoodError } from '../../errors.ts';
import { loadImageOrIndex } from '../../oci/load.ts';
import { readProcesses } from '../../plan/processes.ts';
import type { Builder } from '../builder.ts';

/** Finished images, taken as they are, byte for byte. */
export const imageBuilder: Builder = {
  strategy: 'image',

  async detect(source, _request, context) {
    if (source.kind === 'image') {
      return { applies: true, reason: 'the source names an image with its transport', evidence: [source.reference] };
    }
    if (source.kind === 'tree') {
      return { applies: false, reason: 'a folder is no image; an OCI layout is written oci:DIR', evidence: [] };
    }
    const members = await context.imageArchiveMembers(source);
    return members.length > 0
      ? { applies: true, reason: 'a tar archive of an image', evidence: members }
      : { applies: false, reason: 'it is no docker-archive and no oci-archive', evidence: [] };
  },

  async plan(source, request, context) {
    const { descriptor } = await context.openImage(source);
    return {
      schemaVersion: 1,
      strategy: 'image',
      platform: request.platform,
      labels: {},
      epoch: request.epoch,
      details: { strategy: 'image', reference: source.name, digest: descriptor.digest, compression: request.compression },
    };
  },

  async build(plan, context) {
    if (Object.keys(plan.labels).length > 0) throw new DogwoodError('USAGE', 'an image is taken as it is; it gets no labels');
    const { descriptor, from } = await context.openImage(context.source);
    const loaded = await loadImageOrIndex(from, descriptor);
    const processes = loaded.kind === 'image' ? readProcesses(loaded.config) : {};
    return { descriptor, from, origins: new Map(), processes };
  },
};
