/** What continues a classic buildpack (Dev Center, "Cloud Native Buildpacks"; heroku/builder's own list). */
export type BuildpackFate =
  | { readonly kind: 'continued'; readonly by: string; readonly check?: string }
  /** Nothing is needed in its place. */
  | { readonly kind: 'needless'; readonly why: string }
  | { readonly kind: 'without'; readonly next: string };

/** Part of Heroku's builders, under the same name but for the last. */
const CONTINUED: Readonly<Record<string, string>> = {
  'heroku/nodejs': 'heroku/nodejs',
  'heroku/ruby': 'heroku/ruby',
  'heroku/python': 'heroku/python',
  'heroku/php': 'heroku/php',
  'heroku/go': 'heroku/go',
  'heroku/java': 'heroku/java',
  'heroku/jvm': 'heroku/jvm',
  'heroku/gradle': 'heroku/gradle',
  'heroku/scala': 'heroku/scala',
  'heroku/dotnet': 'heroku/dotnet',
  'heroku-community/apt': 'heroku/deb-packages',
  'heroku/apt': 'heroku/deb-packages',
};

const CHECKS: Readonly<Record<string, string>> = {
  'heroku/deb-packages':
    'list the packages of the Aptfile in project.toml, under [com.heroku.buildpacks.deb-packages], as install = ["NAME", ...]; they are installed at / and no longer below .apt',
  'heroku/php': 'the web server is started by the same heroku-php-apache2 or heroku-php-nginx',
  'heroku/gradle': 'the task that makes the jar is said in the build script',
};

const DEB_PACKAGES = 'install it with heroku/deb-packages';

/** By a word of the name; the first that fits. */
const WITHOUT: readonly (readonly [RegExp, BuildpackFate])[] = [
  [/procfile/, { kind: 'needless', why: 'the processes stand in dogwood.toml' }],
  [/metrics/, { kind: 'needless', why: "it fed Heroku's own metrics" }],
  [
    /ssh-key|netrc|private-deps/,
    without('give the build its key another way: a registry token as a variable of the build (--env)'),
  ],
  [
    /pgbouncer/,
    without('run PgBouncer beside the database, and take bin/start-pgbouncer out of the commands'),
  ],
  [
    /nginx/,
    without(
      `${DEB_PACKAGES} (nginx), or put the proxy of the runtime in front; the commands name bin/start-nginx`,
    ),
  ],
  [
    /stunnel|redis-tls/,
    without('nothing is needed where the client speaks TLS: take bin/start-stunnel out of the commands'),
  ],
  [/ffmpeg/, without(`${DEB_PACKAGES} (ffmpeg)`)],
  [
    /chrome|chromium|chromedriver|puppeteer|playwright/,
    without(
      `${DEB_PACKAGES} (chromium), set the path that the app looks for (GOOGLE_CHROME_BIN, ...), or build with a Dockerfile`,
    ),
  ],
  [/imagemagick/, without(`${DEB_PACKAGES} (imagemagick)`)],
  [/vips/, without(`${DEB_PACKAGES} (libvips42)`)],
  [/wkhtmltopdf/, without(`${DEB_PACKAGES} (wkhtmltopdf)`)],
  [/tesseract/, without(`${DEB_PACKAGES} (tesseract-ocr)`)],
  [
    /jemalloc/,
    without(`${DEB_PACKAGES} (libjemalloc2), and set LD_PRELOAD; jemalloc.sh in the commands goes`),
  ],
  [/geo|gdal/, without(`${DEB_PACKAGES} (gdal-bin, libgeos-c1v5, libproj-dev)`)],
  [/activestorage|preview/, without(`${DEB_PACKAGES} (ffmpeg, poppler-utils)`)],
  [/cmake/, without(`${DEB_PACKAGES} (cmake)`)],
  [
    /subdir|monorepo|multi-procfile/,
    without('build the folder of the app: `build FOLDER`, with this file in that folder'),
  ],
  [/static/, without('serve the files with heroku/static-web-server, or with a web server of a Dockerfile')],
  [/datadog|newrelic|agent/, without('run the agent beside the app at the new runtime')],
  [/clojure/, without('build a jar with heroku/java, or with a Dockerfile')],
];

function without(next: string): BuildpackFate {
  return { kind: 'without', next };
}

const UNKNOWN = without('look for a Cloud Native buildpack that does the same, or build with a Dockerfile');

/** What becomes of a classic buildpack, by the name that Heroku's API gives it. */
export function buildpackFate(name: string): BuildpackFate {
  const known = buildpackName(name);
  const by = CONTINUED[known];
  if (by !== undefined) {
    const check = CHECKS[by];
    return { kind: 'continued', by, ...(check !== undefined && { check }) };
  }
  return WITHOUT.find(([pattern]) => pattern.test(known))?.[1] ?? UNKNOWN;
}

/**
 * `heroku/nodejs`, for whichever way an app names it: a registry name, an urn, the address of an archive, a repository.
 * What an address holds besides its path may be a password, and is left out.
 */
export function buildpackName(name: string): string {
  const plain = name
    .trim()
    .replace(/^urn:buildpack:/, '')
    .replace(/[?#].*$/s, '')
    .replace(/^[a-z+]+:\/\/(?:[^/]*@)?/i, '')
    .replace(/^[\w-]+@([\w.-]+):/, '$1/')
    .replace(/(?:\.git|\.tgz|\.tar\.gz)?\/?$/, '')
    .replace(/^github\.com\//i, '')
    .replace(/^(?:buildpack-registry|codon-buildpacks)\.s3\.amazonaws\.com\/buildpacks\//, '');
  const match = /^(heroku(?:-community)?)\/heroku-(?:community-)?buildpack-(.+)$/i.exec(plain);
  return (match === null ? plain : `${match[1]}/${match[2]}`).toLowerCase();
}
