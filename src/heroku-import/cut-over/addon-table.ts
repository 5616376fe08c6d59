/** What an add-on is to an app, and how one leaves it (Dev Center pages of each; heroku.md section 6). */
export interface AddonKind {
  /** What has to be moved: `data` while nobody writes, `none` where a new account is enough. */
  readonly holds: 'data' | 'copies' | 'none';
  /** The next step. */
  readonly next: string;
}

const POSTGRES: AddonKind = {
  holds: 'data',
  next: "while the app is in maintenance mode: `heroku pg:backups:capture`, `heroku pg:backups:download`, then `pg_restore --no-owner --no-acl` into a database of the same major version or a later one; extensions first. The new URL may have to begin with postgresql:// (SQLAlchemy refuses postgres://), and its certificate may be one that can be verified, which Heroku's is not: look at sslmode and at code that turns verification off",
};
const REDIS: AddonKind = {
  holds: 'data',
  next: 'where it is a cache, begin with an empty one; where it holds jobs or sessions, stop the workers, let the queues run dry, then `redis-cli --rdb` or `--replica` into the new one. REDIS_URL is rediss:// with a self-signed certificate at Heroku, so the app may turn verification off (VERIFY_NONE, rejectUnauthorized: false): turn it on again',
};
const KAFKA: AddonKind = {
  holds: 'data',
  next: "make the topics anew (partitions, retention, KAFKA_PREFIX of the names), mirror them with MirrorMaker or let consumers finish, and move consumer groups last; clients authenticate with KAFKA_CLIENT_CERT and KAFKA_TRUSTED_CERT, which are of Heroku's cluster only",
};
const MYSQL: AddonKind = {
  holds: 'data',
  next: 'while the app is in maintenance mode: `mysqldump --single-transaction --routines`, then `mysql` into the new one',
};
const MONGO: AddonKind = {
  holds: 'data',
  next: 'while the app is in maintenance mode: `mongodump`, then `mongorestore` into the new one',
};
const CACHE: AddonKind = { holds: 'copies', next: 'a cache: begin with an empty one at the new runtime' };
const SEARCH: AddonKind = {
  holds: 'copies',
  next: 'make the index anew from the database, or move a snapshot, before traffic moves',
};
const QUEUE: AddonKind = {
  holds: 'data',
  next: 'make vhosts, exchanges and queues anew, let the workers empty the old queues, then switch producers before consumers',
};
const FILES: AddonKind = {
  holds: 'data',
  next: 'copy the objects into a bucket of your own (`rclone sync`), once beforehand and once more in maintenance mode',
};
const LOGS: AddonKind = {
  holds: 'none',
  next: 'send the logs of the new runtime to an account of your own; what it keeps of the past stays behind',
};
const WATCH: AddonKind = {
  holds: 'none',
  next: 'open an account of your own, or have the vendor take this one out of Heroku, and set its key at the new runtime',
};
const MAIL: AddonKind = {
  holds: 'none',
  next: "open an account of your own and verify the sender's domain (SPF, DKIM) days before the cut-over; set its key at the new runtime",
};
const STATIC_IP: AddonKind = {
  holds: 'none',
  next: 'whoever lets the app in by its address has to be told the new one before the cut-over',
};

/** By the service's name; the first that fits. */
const KINDS: readonly (readonly [RegExp, AddonKind])[] = [
  [
    /^scheduler$/,
    {
      holds: 'none',
      next: 'copy its jobs by hand from `heroku addons:open scheduler` (there is no API that lists them): each becomes a `schedule` of a process',
    },
  ],
  [
    /scheduler|cron-to-go|temporize|process-scheduler/,
    { holds: 'none', next: 'write down its jobs and set them up as schedules at the new runtime' },
  ],
  [
    /^heroku-connect/,
    {
      holds: 'none',
      next: 'it runs at Heroku only: replace the synchronisation with Salesforce before anything else moves',
    },
  ],
  [/postgres|^timescale|^crunchy|^neon/, POSTGRES],
  [/^memcach|^ironcache/, CACHE],
  [/redis|valkey|key-value|keyvalue/, REDIS],
  [/kafka/, KAFKA],
  [/mysql|jawsdb|cleardb|maria/, MYSQL],
  [/mongo/, MONGO],
  [/elastic|bonsai|search|algolia|solr|found/, SEARCH],
  [/amqp|rabbit|ironmq|ably|pusher/, QUEUE],
  [/bucketeer|cloudcube|cloudinary|filestack|imgix|hdrive/, FILES],
  [/papertrail|log|coralogix|sumo|mezmo|splunk/, LOGS],
  [
    /newrelic|scout|sentry|rollbar|bugsnag|honeybadger|airbrake|appsignal|datadog|librato|hosted-?graphite|raygun|skylight|autoscale|judoscale|rails-autoscale|adept/,
    WATCH,
  ],
  [/sendgrid|mailgun|postmark|sparkpost|mail|smtp/, MAIL],
  [/quotaguard|fixie|proximo|static-?ip/, STATIC_IP],
];

const OTHER: AddonKind = {
  holds: 'data',
  next: 'ask its vendor for an account outside of Heroku, move the data it may hold, then set its variables at the new runtime',
};

/** What an add-on is, by the name of its service; undefined says nothing is known of it. */
export function addonKind(service: string | undefined): AddonKind {
  if (service === undefined) return OTHER;
  return KINDS.find(([pattern]) => pattern.test(service.toLowerCase()))?.[1] ?? OTHER;
}
