/**
 * What of a config var is nobody's secret. In doubt it is one: that costs nothing, for it travels all the same, sealed.
 */

/** Names whose values say how a program runs, not what it may reach. */
const PLAIN_NAMES: ReadonlySet<string> = new Set(
  `
  NODE_ENV RAILS_ENV RACK_ENV APP_ENV ENVIRONMENT FLASK_ENV MIX_ENV DJANGO_SETTINGS_MODULE
  LANG LC_ALL TZ LOG_LEVEL RAILS_LOG_LEVEL RAILS_LOG_TO_STDOUT RAILS_SERVE_STATIC_FILES
  WEB_CONCURRENCY WEB_MEMORY MEMORY_AVAILABLE MALLOC_ARENA_MAX RAILS_MAX_THREADS MAX_THREADS
  NPM_CONFIG_PRODUCTION YARN_PRODUCTION NODE_MODULES_CACHE DISABLE_COLLECTSTATIC PYTHONUNBUFFERED
  BUNDLE_WITHOUT PROJECT_PATH PROCFILE
  `
    .trim()
    .split(/\s+/),
);

/** A word or two. */
const HARMLESS = /^[A-Za-z0-9][A-Za-z0-9 _.,:/-]{0,39}$/;
/** A key or an address, under a name that should have neither. */
const DOUBTFUL = /[A-Za-z0-9]{20}|:\/\//;

const SWITCH = /^(?:true|false|yes|no|on|off|0|1)$/i;
/** Five digits may be a PIN, so the name has to say that it is an amount. */
const SMALL_NUMBER = /^\d{1,5}$/;

const AMOUNTS: ReadonlySet<string> = new Set(
  `
  max min count size limit timeout ttl threads workers processes instances replicas pool concurrency interval retries
  attempts port seconds secs ms millis minutes hours days memory mb kb level rate percent threshold depth batch delay
  period width height year
  `
    .trim()
    .split(/\s+/),
);

/** Anywhere in a name, for DBPASSWORD and apikey have no words. */
const SUSPICIOUS = /secret|token|passw|passphrase|passcode|credential|private|signing|apikey/i;
const SUSPICIOUS_WORDS: ReadonlySet<string> = new Set(
  'key keys pass pwd pin pins code codes otp mfa salt seed cred creds auth cert pem dsn cvv cvc login user'.split(
    ' ',
  ),
);

/** Why a value is for everybody's eyes; undefined where it is a secret. */
export function plainRule(name: string, value: string): string | undefined {
  if (PLAIN_NAMES.has(name) && HARMLESS.test(value) && !DOUBTFUL.test(value))
    return 'a name known to hold no secret, with a harmless value';
  const words = wordsOf(name);
  if (SUSPICIOUS.test(name) || words.some((word) => SUSPICIOUS_WORDS.has(word))) return undefined;
  if (value === '') return 'it is empty';
  if (SWITCH.test(value)) return 'a switch';
  if (SMALL_NUMBER.test(value) && words.some((word) => AMOUNTS.has(word)))
    return 'a small number, by its name an amount';
  return undefined;
}

/** `MAX_POOL`, `max-pool` and `maxPool` are two words. */
const wordsOf = (name: string): readonly string[] =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
