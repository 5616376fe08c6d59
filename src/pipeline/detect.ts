import type { Builder, PlanContext } from '../builders/builder.ts';
import { asDogwoodError, DogwoodError } from '../errors.ts';
import type { Candidate, Detection, Finding } from '../plan/detection.ts';
import { type BuildRequest, STRATEGIES, type Strategy } from '../plan/request.ts';
import type { Source } from '../source/source.ts';

/** Why a strategy is the one, before anybody has looked at the source. */
interface Asked {
  readonly strategy: Strategy;
  /** `--strategy` or `dogwood.toml`. */
  readonly by: string;
}

/** What every file is tried as, whatever is in it: found by content, before anything is unpacked. */
const BY_CONTENT: ReadonlySet<Strategy> = new Set(['image', 'slug']);

/**
 * Looks at a source with every builder and chooses the one that was asked for (by flag, then by dogwood.toml), or the
 * first that fits. Those behind the chosen one only take a glance, so that the plan can say what else is there.
 *
 * Throws what a builder says of broken input, PROJECT_FILE_INVALID.
 */
export async function detect(
  source: Source,
  request: BuildRequest,
  builders: readonly Builder[],
  context: PlanContext,
): Promise<Detection> {
  let asked: Asked | undefined =
    request.strategy === 'auto' ? undefined : { strategy: request.strategy, by: '--strategy' };
  const candidates: Candidate[] = [];
  let strategy = asked?.strategy;
  for (const name of STRATEGIES) {
    // Reading the project's files may unpack an archive: not before it is known to be no slug and no image.
    if (strategy === undefined && (source.kind === 'tree' || !BY_CONTENT.has(name))) {
      asked = await askedByProject(source, context);
      strategy = asked?.strategy;
    }
    const builder = builders.find((candidate) => candidate.strategy === name);
    if (builder === undefined) {
      const reason = 'this version has no such builder';
      candidates.push({ strategy: name, chosen: name === strategy, reason, evidence: [] });
      continue;
    }
    const subject = { source, request, context, builder };
    if (strategy !== undefined) {
      candidates.push({
        strategy: name,
        chosen: name === strategy,
        ...(await explain(subject, strategy, asked)),
      });
      continue;
    }
    const { applies, reason, evidence } = await builder.detect(source, request, context);
    if (applies) strategy = name;
    candidates.push({ strategy: name, chosen: applies, reason, evidence });
  }
  return { strategy, candidates };
}

async function askedByProject(source: Source, context: PlanContext): Promise<Asked | undefined> {
  const { strategy } = await context.readProject(source);
  return strategy === undefined ? undefined : { strategy: strategy.value, by: strategy.from };
}

interface Subject {
  readonly source: Source;
  readonly request: BuildRequest;
  readonly context: PlanContext;
  readonly builder: Builder;
}

type Explanation = Pick<Candidate, 'reason' | 'evidence'>;

/** What is said of a strategy once it is known which one it will be. */
async function explain(subject: Subject, chosen: Strategy, asked: Asked | undefined): Promise<Explanation> {
  const isChosen = subject.builder.strategy === chosen;
  const why =
    asked === undefined
      ? `${chosen} comes first`
      : isChosen
        ? `asked for with ${asked.by}`
        : `${asked.by} ${asked.by === '--strategy' ? `${chosen} was given` : `asks for ${chosen}`}`;
  const finding = await glance(subject, chosen);
  if (finding === undefined) return { reason: why, evidence: [] };
  const file = asked === undefined || asked.by.startsWith('--') ? [] : [asked.by];
  if (isChosen) return { reason: why, evidence: [...file, ...finding.evidence] };
  const also = finding.applies ? 'it would apply too' : 'it would not apply';
  return { reason: `${why}; ${also}: ${finding.reason}`, evidence: finding.evidence };
}

/**
 * What a builder sees at first sight; undefined where looking is not cheap. That something is wrong with what is not
 * built is said and fails nothing.
 */
async function glance(
  { source, request, context, builder }: Subject,
  chosen: Strategy,
): Promise<Finding | undefined> {
  const needsTree = !BY_CONTENT.has(builder.strategy);
  // A slug or an image is not unpacked to see whether there is a Dockerfile in it, and no folder is a slug.
  if (needsTree ? source.kind !== 'tree' && BY_CONTENT.has(chosen) : source.kind === 'archive')
    return undefined;
  try {
    return await builder.detect(source, request, { ...context, glance: true });
  } catch (error) {
    context.signal.throwIfAborted();
    const { message } = asDogwoodError(error);
    return { applies: false, reason: message, evidence: [] };
  }
}

/** The strategies, but for one, that would take a source as far as a glance tells. */
export async function alternatives(
  chosen: Strategy,
  source: Source,
  request: BuildRequest,
  builders: readonly Builder[],
  context: PlanContext,
): Promise<readonly Strategy[]> {
  const others = builders.filter(({ strategy }) => strategy !== chosen);
  const findings = await Promise.all(
    others.map((builder) => glance({ source, request, context, builder }, chosen)),
  );
  return others.flatMap(({ strategy }, index) => (findings[index]?.applies ? [strategy] : []));
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
