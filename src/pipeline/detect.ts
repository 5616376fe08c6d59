import type { Builder, PlanContext } from '../builders/builder.ts';
import { DogwoodError } from '../errors.ts';
import type { Candidate, Detection } from '../plan/detection.ts';
import { type BuildRequest, STRATEGIES, type Strategy } from '../plan/request.ts';
import type { Source } from '../source/source.ts';

/** Looks at a source with every builder and chooses the first that fits, or the one that was asked for. */
export async function detect(
  source: Source,
  request: BuildRequest,
  builders: readonly Builder[],
  context: PlanContext,
): Promise<Detection> {
  const asked = request.strategy === 'auto' ? undefined : request.strategy;
  const candidates: Candidate[] = [];
  let strategy: Strategy | undefined = asked;
  for (const name of STRATEGIES) {
    const builder = builders.find((candidate) => candidate.strategy === name);
    if (asked !== undefined) {
      const chosen = name === asked;
      candidates.push({
        strategy: name,
        chosen,
        reason: chosen ? 'asked for with --strategy' : `--strategy ${asked} was given`,
        evidence: [],
      });
    } else if (builder === undefined) {
      candidates.push({
        strategy: name,
        chosen: false,
        reason: 'this version has no such builder',
        evidence: [],
      });
    } else if (strategy !== undefined) {
      candidates.push({ strategy: name, chosen: false, reason: `${strategy} comes first`, evidence: [] });
    } else {
      const { applies, reason, evidence } = await builder.detect(source, request, context);
      if (applies) strategy = name;
      candidates.push({ strategy: name, chosen: applies, reason, evidence });
    }
  }
  return { strategy, candidates };
}

/** The builder of the chosen strategy. Throws SOURCE_UNSUPPORTED naming every rejected candidate, STRATEGY_UNAVAILABLE. */
export function chosenBuilder(detection: Detection, builders: readonly Builder[], source: Source): Builder {
  if (detection.strategy === undefined) {
    const reasons = detection.candidates.map(({ strategy, reason }) => `${strategy}: ${reason}`).join('; ');
    throw new DogwoodError('SOURCE_UNSUPPORTED', `nothing here can build ${source.name} (${reasons})`);
  }
  const builder = builders.find(({ strategy }) => strategy === detection.strategy);
  if (builder) return builder;
  throw new DogwoodError('STRATEGY_UNAVAILABLE', `this version has no ${detection.strategy} builder`);
}
