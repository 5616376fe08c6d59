import type { Stage } from '../account/account.ts';
import type { AppState } from '../account/app-state.ts';
import type { Addon, Attachment } from '../api/documents.ts';
import { addonKind } from './addon-table.ts';
import { addonsInUse } from './addons-in-use.ts';
import { buildpackFate, buildpackName } from './buildpack-table.ts';

/** Something of an app that an import leaves behind, and what to do about it. */
export interface NotCarried {
  readonly what: string;
  readonly why: string;
  readonly next: string;
}

export interface Surroundings {
  readonly addons: readonly Addon[];
  /** Those of this app. */
  readonly attachments: readonly Attachment[];
  /** Of the whole account. */
  readonly allAttachments: readonly Attachment[];
  readonly stage: Stage | undefined;
}

/** Everything of an app that has no place in an image or a rollout. */
export function notCarried(state: AppState, around: Surroundings): readonly NotCarried[] {
  return [
    ...addonsOf(state, around),
    ...buildpacksOf(state),
    ...domainsOf(state),
    ...othersOf(state, around),
  ];
}

function addonsOf(
  state: AppState,
  { addons, attachments, allAttachments }: Surroundings,
): readonly NotCarried[] {
  return addonsInUse(state.app.id, { addons, attachments, allAttachments }).map(
    ({ name, plan, service, sharedWith }) => ({
      what: plan === undefined ? `add-on ${name}` : `add-on ${name} (${plan})`,
      why:
        sharedWith.length > 0
          ? `it stays at Heroku, and ${sharedWith.join(', ')} uses it too: move its data once, for all of them`
          : 'it stays at Heroku with its data; its variables name where it is and may change any time',
      next: addonKind(service).next,
    }),
  );
}

function buildpacksOf({ buildpacks }: AppState): readonly NotCarried[] {
  return buildpacks.flatMap((name) => {
    const fate = buildpackFate(name);
    if (fate.kind !== 'without') return [];
    return [
      {
        what: `buildpack ${buildpackName(name)}`,
        why: 'the image has what it made; no Cloud Native buildpack goes on with it in the next build',
        next: fate.next,
      },
    ];
  });
}

function domainsOf(state: AppState): readonly NotCarried[] {
  return state.domains
    .filter(({ kind }) => kind === 'custom')
    .flatMap(({ hostname, sni_endpoint, acm_status }) => [
      {
        what: `domain ${hostname}`,
        why: 'its DNS record points at Heroku',
        next: 'point it at the new runtime as the last step of the cut-over; shorten its TTL the day before',
      },
      ...(sni_endpoint || acm_status
        ? [
            {
              what: `certificate of ${hostname}`,
              why: acm_status
                ? 'Automated Certificate Management issued it, and keeps its key'
                : 'Heroku never gives out the private key',
              next: acm_status
                ? 'have the new runtime issue one, by a DNS challenge if it is to be there before the domain moves'
                : 'install it from where you keep its key, or have a new one issued before the domain moves',
            },
          ]
        : []),
    ]);
}

function othersOf(state: AppState, { stage }: Surroundings): readonly NotCarried[] {
  const { drains, webhooks, collaborators, app } = state;
  const people = { why: 'who may deploy is for the new platform to say', next: 'invite them there' };
  return [
    ...drains.map((host) => ({
      what: `log drain to ${host}`,
      why: 'logs come from the runtime; the address is a secret of its own',
      next: 'set it up at the new runtime',
    })),
    ...(webhooks > 0
      ? [
          {
            what: `${webhooks} webhook(s)`,
            why: 'their secret is never shown',
            next: 'subscribe again to the new platform',
          },
        ]
      : []),
    ...(collaborators.length > 0 ? [{ what: `${collaborators.length} collaborator(s)`, ...people }] : []),
    ...(stage === undefined
      ? []
      : [
          {
            what: `pipeline ${stage.pipeline} (${stage.stage})`,
            why: 'promoting is deploying the same digest elsewhere',
            next: `import the pipeline's other apps too, and deploy by digest; its review apps and their app.json, its test runs (Heroku CI) and its GitHub connection are for your own CI`,
          },
        ]),
    ...(app.space
      ? [
          {
            what: `private space ${app.space.name}`,
            why: 'networks are not images',
            next: 'set up the network first: peerings, VPN, trusted ranges, the addresses it goes out with, and who may reach the app',
          },
        ]
      : []),
    ...state.features
      .filter((name) => name !== 'runtime-dyno-metadata')
      .map((name) => ({
        what: `feature ${name}`,
        why: "it is a feature of Heroku's routers and dynos",
        next: FEATURES[name] ?? 'look for its like at the new runtime',
      })),
  ];
}

/** What stands in for a feature of Heroku's (`heroku features`, `heroku labs`). */
const FEATURES: Readonly<Record<string, string>> = {
  'http-session-affinity': 'turn on sticky sessions at the new load balancer, or keep sessions elsewhere',
  preboot: 'the new release begins before the old one ends where the rollout has the strategy rolling',
  'http-end-to-end-encryption': 'the process speaks TLS itself: carry that out at the new load balancer',
  'http-shard-header': 'the app reads a header of routers that are not there any more: look for X-Heroku-',
  'runtime-heroku-metrics':
    "measure at the new runtime; the agent's variables (HEROKU_METRICS_URL) are not there",
  'log-runtime-metrics': "the new runtime's own metrics take the place of log lines",
  'runtime-new-layer-extract': 'nothing: how slugs are unpacked does not matter to an image',
  'spaces-dns-discovery':
    'processes find each other by the internal DNS of the new runtime, under other names',
  'build-in-app-dir': 'nothing: an image is built where it runs',
};
