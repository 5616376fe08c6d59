import { describe, expect, test } from 'vitest';
import { canonicalOwner, namedAccounts } from '../../../src/builders/app-image/user.ts';

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\nheroku:x:1000:1001:Heroku:/home/heroku:/bin/bash\n';
const GROUP = 'root:x:0:\nheroku:x:1001:\n';

describe('the owner of a transcoded slug', () => {
  test.each([
    ['the base’s heroku user', PASSWD, { uid: 1000, gid: 1001 }],
    ['1000:1000 without one', 'root:x:0:0::/root:/bin/sh\n', { uid: 1000, gid: 1000 }],
    ['1000:1000 over nothing', '', { uid: 1000, gid: 1000 }],
    ['never root', 'heroku:x:0:0::/:/bin/sh\n', { uid: 1000, gid: 1000 }],
    ['nothing that is no number', 'heroku:x:a:b\n', { uid: 1000, gid: 1000 }],
  ])('is %s', (_what, passwd, owner) => {
    expect(canonicalOwner({ passwd, group: '' })).toEqual(owner);
  });
});

describe('account files', () => {
  test('stay as they are where both ids have names', () => {
    expect(namedAccounts({ passwd: PASSWD, group: GROUP }, { uid: 1000, gid: 1001 })).toBeUndefined();
  });

  test('get a line each behind the base’s own', () => {
    expect(namedAccounts({ passwd: PASSWD, group: GROUP }, { uid: 57350, gid: 57351 })).toEqual({
      passwd: `${PASSWD}u57350:x:57350:57351::/app:/bin/bash\n`,
      group: `${GROUP}dyno:x:57351:\n`,
    });
  });

  test('get only the line that is missing', () => {
    const named = namedAccounts({ passwd: PASSWD, group: GROUP }, { uid: 5, gid: 1001 });
    expect(named?.group).toBe(GROUP);
    expect(named?.passwd).toContain('\nu5:x:5:1001:');
  });

  test('keep their lines whole where the last one does not end', () => {
    const named = namedAccounts({ passwd: 'root:x:0:0::/:', group: '' }, { uid: 5, gid: 6 });
    expect(named?.passwd).toBe('root:x:0:0::/:\nu5:x:5:6::/app:/bin/bash\n');
    expect(named?.group).toBe('dyno:x:6:\n');
  });

  test('never name two alike', () => {
    const named = namedAccounts(
      { passwd: 'u5:x:9:9::/:\nu52:x:8:8::/:\n', group: 'dyno:x:9:\n' },
      { uid: 5, gid: 6 },
    );
    expect(named?.passwd).toContain('u53:x:5:6:');
    expect(named?.group).toContain('dyno2:x:6:');
  });
});
