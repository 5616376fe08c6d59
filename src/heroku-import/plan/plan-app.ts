import type { AccountLists } from '../account/account.ts';
import type { AppState } from '../account/app-state.ts';
import type { HerokuApp } from '../api/documents.ts';
import { classifyVariables } from '../config/config-vars.ts';
import { dynoSize } from '../config/dyno-sizes.ts';
import { notCarried } from '../cut-over/not-carried.ts';
import type { AppPlan, Fate, ProcessPlan } from './plan-document.ts';

/** Stacks that get no security updates any more (heroku.md section 2). */
const ENDED_STACKS: ReadonlySet<string> = new Set(['cedar-14', 'heroku-16', 'heroku-18', 'heroku-20']);

/** What an import would make of one app, from its state at this moment. */
export function planApp(state: AppState, account: AccountLists): AppPlan {
  const { app, release, slug } = state;
  const attachments = account.attachments.filter((one) => one.app.id === app.id);
  const { addons } = account;
  const { fate, reason } = fateOf(state);
  return {
    ...outline(app),
    fate,
    reason,
    release: release?.version ?? null,
    slug:
      slug === undefined
        ? null
        : {
            id: slug.id,
            checksum: slug.checksum ?? null,
            size: slug.size ?? null,
            stack: slug.stack.name,
            commit: slug.commit ?? null,
          },
    processes: planProcesses(state),
    variables: classifyVariables(state.config, {
      app: app.id,
      addons,
      attachments: account.attachments,
    }),
    domains: state.domains.filter(({ kind }) => kind === 'custom').map(({ hostname }) => hostname),
    buildpacks: state.buildpacks,
    notCarried: notCarried(state, {
      addons,
      attachments,
      allAttachments: account.attachments,
      stage: account.stages.get(app.id),
    }),
    warnings: warningsOf(state),
  };
}

/** An app whose inside cannot be seen. */
export function planClosedApp(app: HerokuApp, reason: string): AppPlan {
  return {
    ...outline(app),
    fate: 'closed',
    reason,
    release: null,
    slug: null,
    processes: [],
    variables: [],
    domains: [],
    buildpacks: [],
    notCarried: [],
    warnings: [],
  };
}

function outline(app: HerokuApp) {
  return {
    app: app.name,
    id: app.id,
    team: app.team?.name ?? null,
    region: app.region.name,
    stack: app.stack.name,
    maintenance: app.maintenance,
  };
}

function fateOf({ app, release, slug }: AppState): { readonly fate: Fate; readonly reason: string } {
  if (release === undefined) return { fate: 'nothing', reason: 'no release of it ever ran' };
  if (app.generation === 'fir') {
    return {
      fate: 'fir',
      reason: 'Fir keeps OCI images in a registry that the Platform API gives no access to',
    };
  }
  if (app.stack.name === 'container') {
    return {
      fate: 'container',
      reason: 'its images are copied from registry.heroku.com, one per process type',
    };
  }
  if (slug === undefined)
    return { fate: 'nothing', reason: 'its release has no slug: nothing was deployed yet' };
  if (slug.deleted_at)
    return { fate: 'nothing', reason: 'its slug is gone from Heroku; deploy it there once more' };
  return { fate: 'slug', reason: `the slug of v${release.version} becomes an image over ${slug.stack.name}` };
}

/** Heroku merges the Procfile and the buildpacks' defaults into the slug's process types; formations may override. */
function planProcesses({ slug, formation }: AppState): readonly ProcessPlan[] {
  const commands = new Map(Object.entries(slug?.process_types ?? {}));
  for (const { type, command } of formation) if (!commands.has(type)) commands.set(type, command);
  return [...commands].map(([name, command]) => {
    const running = formation.find(({ type }) => type === name);
    return {
      name,
      command,
      kind: name === 'release' ? 'release' : running === undefined ? 'one-off' : 'service',
      replicas: running?.quantity ?? 0,
      dynoSize: running?.size ?? null,
      memory: running === undefined ? null : (dynoSize(running.size)?.memory ?? null),
    };
  });
}

function warningsOf({ slug, app, formation }: AppState): readonly string[] {
  const stack = slug?.stack.name;
  const unknown = formation.map(({ size }) => size).filter((size) => dynoSize(size) === undefined);
  return [
    ...(slug !== undefined && slug.checksum === null
      ? ['Heroku has no checksum of its slug: ours will be the first']
      : []),
    ...(stack !== undefined && stack !== app.stack.name && app.stack.name !== 'container'
      ? [`its slug was built for ${stack}, the app is set to ${app.stack.name}: the slug's stack is kept`]
      : []),
    ...(stack !== undefined && ENDED_STACKS.has(stack)
      ? [`${stack} gets no security updates any more; the image keeps it, for the slug's libraries need it`]
      : []),
    ...[...new Set(unknown)].map(
      (size) => `dyno size ${size} is not known: set memory and processors by hand`,
    ),
  ];
}
