import type { Stage } from './account.ts';
import type { Addon, Attachment } from './api/documents.ts';
import type { AppState } from './app-state.ts';

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
  return [...addonsOf(state, around), ...domainsOf(state), ...othersOf(state, around)];
}

function addonsOf(
  state: AppState,
  { addons, attachments, allAttachments }: Surroundings,
): readonly NotCarried[] {
  const ids = [...new Set(attachments.map(({ addon }) => addon.id))];
  return ids.flatMap((id) => {
    const addon = addons.find((one) => one.id === id);
    const attachment = attachments.find((one) => one.addon.id === id);
    if (attachment === undefined) return [];
    const others = allAttachments.filter((one) => one.addon.id === id && one.app.id !== state.app.id);
    const shared = [...new Set(others.map(({ app }) => app.name))];
    const name = addon === undefined ? attachment.addon.name : `${addon.name} (${addon.plan.name})`;
    const service = addon?.addon_service.name;
    return [
      {
        what: `add-on ${name}`,
        why:
          shared.length > 0
            ? `it stays at Heroku, and ${shared.join(', ')} uses it too: move its data once, for all of them`
            : 'it stays at Heroku with its data; its variables name where it is and may change any time',
        next:
          service === 'scheduler'
            ? 'copy its jobs by hand: there is no API that lists them'
            : 'move the data to a service near the new runtime, then set the variables there',
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
              why: 'Heroku never gives out the private key',
              next: 'have a new one issued',
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
            next: `import the pipeline's other apps too, and deploy by digest`,
          },
        ]),
    ...(app.space
      ? [
          {
            what: `private space ${app.space.name}`,
            why: 'networks are not images',
            next: 'set up the network first',
          },
        ]
      : []),
    ...state.features
      .filter((name) => name !== 'runtime-dyno-metadata')
      .map((name) => ({
        what: `feature ${name}`,
        why: "it is a feature of Heroku's routers and dynos",
        next: 'look for its like at the new runtime',
      })),
  ];
}
