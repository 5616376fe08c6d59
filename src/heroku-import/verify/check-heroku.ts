import type { AppState } from '../account/app-state.ts';
import { configOf } from '../config/app-config.ts';
import { type FingerprintKey, fingerprint } from '../config/fingerprints.ts';
import type { AppResult } from '../folder/app-result.ts';
import type { AppPlan } from '../plan/plan-document.ts';
import type { VerifyCheck } from './verify-document.ts';

/** What Heroku says now beside what was imported. What differs is drift: somebody went on there. */
export function checkHeroku(
  result: AppResult,
  {
    state,
    now,
    key,
  }: { readonly state: AppState; readonly now: AppPlan; readonly key: FingerprintKey | undefined },
): readonly VerifyCheck[] {
  return [
    {
      name: 'release at Heroku',
      ok: now.release === result.release,
      detail:
        now.release === result.release
          ? `v${now.release} runs there`
          : `v${now.release} runs there, v${result.release} was imported: import again`,
    },
    compared(
      'processes at Heroku',
      processesOf(result),
      new Map(now.processes.map((one) => [one.name, one.command])),
    ),
    checkSecrets(result, state, now, key),
  ];
}

const processesOf = ({ images }: AppResult): ReadonlyMap<string, string> =>
  new Map(images.flatMap(({ processes }) => Object.entries(processes)));

function checkSecrets(
  { secrets, withoutSecrets }: AppResult,
  state: AppState,
  now: AppPlan,
  key: FingerprintKey | undefined,
): VerifyCheck {
  const name = 'secrets at Heroku';
  if (withoutSecrets) return { name, ok: true, detail: 'they were left out' };
  if (key === undefined) {
    const none = Object.keys(secrets).length === 0;
    return { name, ok: none, detail: none ? 'none was imported' : 'the key of their fingerprints is gone' };
  }
  const current = new Map(
    Object.entries(configOf(state, now, 'encrypt').secrets).map(([variable, value]) => [
      variable,
      fingerprint(key, state.app.id, variable, value),
    ]),
  );
  return compared(name, new Map(Object.entries(secrets)), current);
}

/** By name only: what is compared may be as good as a value. */
function compared(
  name: string,
  imported: ReadonlyMap<string, string>,
  current: ReadonlyMap<string, string>,
): VerifyCheck {
  const differences = [
    ...[...imported.keys()].filter((one) => !current.has(one)).map((one) => `${one} is gone there`),
    ...[...current.keys()].filter((one) => !imported.has(one)).map((one) => `${one} is new there`),
    ...[...imported]
      .filter(([one, value]) => current.has(one) && current.get(one) !== value)
      .map(([one]) => `${one} has changed there`),
  ];
  const detail = differences.length === 0 ? `all ${imported.size} are the same` : differences.join('; ');
  return { name, ok: differences.length === 0, detail };
}
