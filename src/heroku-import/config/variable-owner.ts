import type { Addon, Attachment } from '../api/documents.ts';

/** Whose add-ons there are. */
export interface Owners {
  /** Heroku's id of the app in question. */
  readonly app: string;
  /** Those the token can see. */
  readonly addons: readonly Addon[];
  /** Of the whole account. */
  readonly attachments: readonly Attachment[];
}

export interface Owner {
  /** Name of the add-on. */
  readonly addon: string;
  readonly rule: string;
  /** Other apps with the same add-on. */
  readonly sharedWith: readonly string[];
}

/**
 * The config vars of an app that belong to its add-ons, by name (heroku.md section 5). An attachment makes NAME_URL; an
 * add-on with variables of other names has them begin with the attachment's: MEMCACHIER_USERNAME is CACHE_USERNAME where
 * it is attached as CACHE. Neither a namespace (`credential:...`) nor sharing changes that. What only looks like it is
 * the app's own, and goes along: a value lost is worse than one that is out of date one day.
 *
 * `/apps/APP/config-vars-settings` names the attachment of each variable. It is not asked: Heroku calls it a prototype,
 * what it answers for values is not known well enough to take them from there, and beside `/config-vars` it would be a
 * tenth more calls.
 */
export function addonVariables({ app, addons, attachments }: Owners): ReadonlyMap<string, Owner> {
  const found = new Map<string, Owner>();
  const mine = attachments.filter((one) => one.app.id === app);
  const ids = new Set(mine.map(({ addon }) => addon.id));
  const related = attachments.filter(({ addon }) => ids.has(addon.id));
  const ofAddon = (id: string) => related.filter(({ addon }) => addon.id === id);
  const add = (name: string, { addon }: Attachment, rule: string) => {
    const others = ofAddon(addon.id).filter((one) => one.app.id !== app);
    const sharedWith = [...new Set(others.map((one) => one.app.name))].sort();
    if (!found.has(name)) found.set(name, { addon: addon.name, rule, sharedWith });
  };
  for (const attachment of mine)
    add(`${attachment.name}_URL`, attachment, `made by the attachment ${attachment.name}`);
  for (const attachment of mine) {
    const addon = addons.find(({ id }) => id === attachment.addon.id);
    if (addon === undefined) continue;
    const original = ofAddon(addon.id).filter((one) => one.app.id === addon.app.id);
    for (const listed of addon.config_vars) {
      const prefix = original.map(({ name }) => `${name}_`).find((start) => listed.startsWith(start));
      // The list has them as they are in the app that pays; a name that is no attachment's is the same everywhere.
      if (addon.app.id === app || prefix === undefined)
        add(listed, attachment, `listed by the add-on ${addon.name}`);
      if (prefix === undefined) continue;
      const here = `${attachment.name}_${listed.slice(prefix.length)}`;
      add(here, attachment, `made by the attachment ${attachment.name}, as ${listed} in ${addon.app.name}`);
    }
  }
  return found;
}
