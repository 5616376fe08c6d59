/** A numeric owner. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The base image's own account files, as text; empty where the base has none. */
export interface Accounts {
  readonly passwd: string;
  readonly group: string;
}

/** The user that Heroku's images bring since 2024, and the one we make where a base lacks it. */
const DEFAULT_OWNER: Owner = { uid: 1000, gid: 1000 };

function fields(text: string): readonly (readonly string[])[] {
  return text.split('\n').map((line) => line.split(':'));
}

/** Who owns a transcoded slug: the base's `heroku` user, else 1000:1000. */
export function canonicalOwner(accounts: Accounts | undefined): Owner {
  const entry = fields(accounts?.passwd ?? '').find(([name]) => name === 'heroku');
  const [uid, gid] = [Number(entry?.[2]), Number(entry?.[3])];
  return Number.isInteger(uid) && Number.isInteger(gid) && uid > 0 && gid > 0 ? { uid, gid } : DEFAULT_OWNER;
}

function withLine(text: string, line: string): string {
  return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`;
}

function freeName(text: string, wanted: string): string {
  const taken = new Set(fields(text).map(([name]) => name));
  let name = wanted;
  for (let n = 2; taken.has(name); n += 1) name = `${wanted}${n}`;
  return name;
}

/**
 * The base's account files with a name for this owner, so that `whoami` and `os.userInfo()` work; undefined when both
 * ids have names already. Names are those of a dyno: user `u<uid>`, group `dyno`.
 */
export function namedAccounts(accounts: Accounts, owner: Owner, home = '/app'): Accounts | undefined {
  const hasUser = fields(accounts.passwd).some(([, , uid]) => uid === String(owner.uid));
  const hasGroup = fields(accounts.group).some(([, , gid]) => gid === String(owner.gid));
  if (hasUser && hasGroup) return undefined;
  const user = freeName(accounts.passwd, `u${owner.uid}`);
  const group = freeName(accounts.group, 'dyno');
  return {
    passwd: hasUser
      ? accounts.passwd
      : withLine(accounts.passwd, `${user}:x:${owner.uid}:${owner.gid}::${home}:/bin/bash`),
    group: hasGroup ? accounts.group : withLine(accounts.group, `${group}:x:${owner.gid}:`),
  };
}
