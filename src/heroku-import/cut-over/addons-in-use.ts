import type { Addon, Attachment } from '../api/documents.ts';

/** An add-on as one app has it. */
export interface AddonInUse {
  readonly name: string;
  /** `heroku-postgresql:essential-0`; undefined where the token does not see the add-on itself. */
  readonly plan: string | undefined;
  readonly service: string | undefined;
  /** The app that pays for it; deleted, it takes the add-on with it. */
  readonly owner: { readonly id: string; readonly name: string };
  /** Names of the attachments here. */
  readonly attachments: readonly string[];
  /** Other apps that use it. */
  readonly sharedWith: readonly string[];
}

/**
 * The add-ons of an app, each once.
 *
 * @param around `attachments` are those of this app, `allAttachments` those of the whole account
 */
export function addonsInUse(
  app: string,
  around: {
    readonly addons: readonly Addon[];
    readonly attachments: readonly Attachment[];
    readonly allAttachments: readonly Attachment[];
  },
): readonly AddonInUse[] {
  const byId = Map.groupBy(around.attachments, ({ addon }) => addon.id);
  return [...byId].flatMap(([id, mine]) => {
    const [first] = mine;
    if (first === undefined) return [];
    const addon = around.addons.find((one) => one.id === id);
    const others = around.allAttachments.filter((one) => one.addon.id === id && one.app.id !== app);
    return [
      {
        name: addon?.name ?? first.addon.name,
        plan: addon?.plan.name,
        service: addon?.addon_service.name,
        owner: addon?.app ?? first.addon.app,
        attachments: [...new Set(mine.map(({ name }) => name))],
        sharedWith: [...new Set(others.map(({ app: other }) => other.name))],
      },
    ];
  });
}
