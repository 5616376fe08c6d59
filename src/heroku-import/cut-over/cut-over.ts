import type { AccountLists } from '../account/account.ts';
import type { AppState } from '../account/app-state.ts';
import type { AppPlan } from '../plan/plan-document.ts';
import { addonKind } from './addon-table.ts';
import { type AddonInUse, addonsInUse } from './addons-in-use.ts';

/** One step of an app's move, in its order. */
export interface CutOverStep {
  readonly title: string;
  readonly detail: string;
}

type Around = Pick<AccountLists, 'addons' | 'attachments'>;

/**
 * What somebody does, in this order, to move an app that was imported: first what can be done days before, then what
 * needs the app to stand still, last what can be switched off. Empty for an app that does not move.
 */
export function cutOver(
  state: AppState,
  plan: AppPlan,
  { addons, attachments }: Around,
): readonly CutOverStep[] {
  if (plan.fate !== 'slug' && plan.fate !== 'container') return [];
  const { app } = state;
  const mine = attachments.filter((one) => one.app.id === app.id);
  const used = addonsInUse(app.id, { addons, attachments: mine, allAttachments: attachments });
  return [
    ...before(state, plan, used),
    ...standStill(state, used),
    ...switchOver(plan),
    ...switchOff(state, plan, used),
  ];
}

const step = (title: string, detail: string): CutOverStep => ({ title, detail });

function before(
  { app, domains, drains }: AppState,
  plan: AppPlan,
  used: readonly AddonInUse[],
): readonly CutOverStep[] {
  const custom = plan.domains;
  const secured = domains.filter((one) => one.kind === 'custom' && (one.sni_endpoint || one.acm_status));
  const fresh = used.filter(({ service }) => addonKind(service).holds !== 'data');
  return [
    ...(app.space
      ? [
          step(
            'Network',
            `Set up what the private space ${app.space.name} gave: peerings, VPN, who may reach the app.`,
          ),
        ]
      : []),
    ...(custom.length > 0
      ? [
          step(
            'The day before: DNS',
            `Shorten the TTL of ${custom.join(', ')} to a minute; the old TTL has to pass before the cut-over.`,
          ),
        ]
      : []),
    ...(secured.length > 0
      ? [
          step(
            'Certificates',
            `Have certificates for ${secured.map(({ hostname }) => hostname).join(', ')} at the new runtime, by a DNS challenge if need be: Heroku gives out no key.`,
          ),
        ]
      : []),
    ...used
      .filter(({ service }) => addonKind(service).holds === 'data')
      .map((addon) =>
        step(
          `New home for ${addon.name}`,
          `${said(addon)} Set up what takes its place, and rehearse moving its data.`,
        ),
      ),
    ...fresh.map((addon) =>
      step(`Replace ${addon.name}`, `${said(addon)} ${sentence(addonKind(addon.service).next)}`),
    ),
    ...(drains.length > 0
      ? [
          step(
            'Logs',
            `Send the logs of the new runtime to ${[...new Set(drains)].join(', ')}, or to what follows it.`,
          ),
        ]
      : []),
    step(
      'Rehearsal',
      `Deploy v${plan.release} from rollout.json at the new runtime beside Heroku's, with data that is not the real one, and look at every process.`,
    ),
  ];
}

function standStill({ app, formation }: AppState, used: readonly AddonInUse[]): readonly CutOverStep[] {
  const data = used.filter(({ service }) => addonKind(service).holds === 'data');
  const together = [...new Set(data.flatMap(({ sharedWith }) => sharedWith))].sort();
  const workers = formation
    .filter(({ type, quantity }) => type !== 'web' && quantity > 0)
    .map(({ type }) => type);
  const apps = [app.name, ...together];
  return [
    step(
      'Maintenance mode',
      app.maintenance
        ? 'It is on already: nobody is turned away who was let in before.'
        : `${apps.map((name) => `heroku maintenance:on -a ${name}`).join('; ')}. Nobody is served from here on.`,
    ),
    ...(together.length > 0
      ? [
          step(
            'Together',
            `${together.join(', ')} ${together.length === 1 ? 'uses' : 'use'} the same data: cut over ${apps.join(', ')} at once, and move it once.`,
          ),
        ]
      : []),
    ...(workers.length > 0 || used.some(({ service }) => service === 'scheduler')
      ? [
          step(
            'Stop what writes',
            [
              ...(workers.length > 0
                ? [
                    `Let the queues run dry, then: heroku ps:scale ${workers.map((type) => `${type}=0`).join(' ')} -a ${app.name}.`,
                  ]
                : []),
              'Maintenance mode stops neither workers nor scheduled jobs: switch off jobs, too.',
            ].join(' '),
          ),
        ]
      : []),
    ...data
      .toSorted(byOrder)
      .map((addon) =>
        step(
          `Move the data of ${addon.name}`,
          [
            ...(addon.sharedWith.length > 0
              ? [`Once, for ${[app.name, ...addon.sharedWith].sort().join(', ')} together.`]
              : []),
            sentence(addonKind(addon.service).next),
          ].join(' '),
        ),
      ),
  ];
}

function switchOver(plan: AppPlan): readonly CutOverStep[] {
  const external = plan.variables.filter((one) => one.class === 'addon').map(({ name }) => name);
  const hasWeb = plan.processes.some(({ name }) => name === 'web');
  const hasRelease = plan.processes.some(({ kind }) => kind === 'release');
  return [
    step(
      'Config',
      external.length > 0
        ? `Set what named Heroku's add-ons to what takes their place: ${external.join(', ')}. Import once more if any other variable changed since.`
        : 'Import once more if any variable changed since.',
    ),
    step(
      'Deploy',
      `Deploy rollout.json with secrets.age at the new runtime.${hasRelease ? ' Its release command runs there for the first time: the import never ran it.' : ''}`,
    ),
    step(
      'Check',
      `Look at every process, sign in, write something and read it again, before anybody else can.${hasWeb ? ' The web process answers at the new address under its host name (curl --resolve).' : ''}`,
    ),
    ...(plan.domains.length > 0
      ? [
          step(
            'DNS',
            `Point ${plan.domains.join(', ')} at the new runtime. Heroku shows its maintenance page to whoever still comes.`,
          ),
        ]
      : hasWeb
        ? [
            step(
              'Addresses',
              'It has no domain of its own: tell the new address to whoever uses the one at herokuapp.com.',
            ),
          ]
        : []),
  ];
}

function switchOff(
  { app, webhooks }: AppState,
  plan: AppPlan,
  used: readonly AddonInUse[],
): readonly CutOverStep[] {
  const own = used.filter(({ owner }) => owner.id === app.id);
  const lent = own.filter(({ sharedWith }) => sharedWith.length > 0);
  const inPipeline = plan.notCarried.some(({ what }) => what.startsWith('pipeline '));
  return [
    step(
      'A way back',
      `Until something is written at the new runtime, the way back is DNS and heroku maintenance:off -a ${app.name}. Afterwards it is the data's way back, too.`,
    ),
    step(
      'Switch off at last',
      [
        `When nobody has come for a few days: heroku ps:scale of ${app.name} to 0, a last backup, then its domains${webhooks > 0 ? ', webhooks' : ''}${own.length > 0 ? ', add-ons' : ''} and the app.`,
        ...lent.map(
          ({ name, sharedWith }) =>
            `${name} belongs to this app and goes with it: not before ${sharedWith.join(', ')} ${sharedWith.length === 1 ? 'has' : 'have'} left, too.`,
        ),
        ...(inPipeline ? ['Turn off automatic deploys and review apps of its pipeline first.'] : []),
      ].join(' '),
    ),
  ];
}

/** Queues before databases: who empties a queue writes to a database. */
const byOrder = (a: AddonInUse, b: AddonInUse): number =>
  orderOf(a) - orderOf(b) || (a.name < b.name ? -1 : 1);
const orderOf = ({ service = '' }: AddonInUse): number =>
  /amqp|rabbit|kafka|ironmq/.test(service) ? 0 : /redis/.test(service) ? 1 : 2;

function said({ plan, owner, sharedWith, attachments }: AddonInUse): string {
  const shared = sharedWith.length > 0 ? `, shared with ${sharedWith.join(', ')}; ${owner.name} pays` : '';
  return `${plan ?? 'An add-on'}, attached as ${attachments.join(', ')}${shared}.`;
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
