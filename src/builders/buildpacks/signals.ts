/** What a language's buildpack looks for at the root, as far as names tell. */
export interface Signal {
  readonly language: string;
  /** Exact names, and endings that begin with `*`. */
  readonly names: readonly string[];
  /** Is it in the order of Heroku's builders? */
  readonly inDefault: boolean;
}

/** The languages of heroku/builder (its buildpacks' own `bin/detect`), then those that need another builder. */
export const SIGNALS: readonly Signal[] = [
  {
    language: 'Node.js',
    names: ['package.json', 'index.js', 'server.js'],
    inDefault: true,
  },
  {
    language: 'Python',
    names: [
      'requirements.txt',
      'pyproject.toml',
      'Pipfile',
      'poetry.lock',
      'uv.lock',
      'pdm.lock',
      'setup.py',
      'setup.cfg',
      'manage.py',
      'app.py',
      'main.py',
    ],
    inDefault: true,
  },
  { language: 'Ruby', names: ['Gemfile'], inDefault: true },
  { language: 'Go', names: ['go.mod'], inDefault: true },
  {
    language: 'Java',
    names: [
      'pom.xml',
      'pom.atom',
      'pom.clj',
      'pom.groovy',
      'pom.rb',
      'pom.scala',
      'pom.yaml',
      'pom.yml',
      'build.gradle',
      'build.gradle.kts',
      'settings.gradle',
      'settings.gradle.kts',
      'gradlew',
    ],
    inDefault: true,
  },
  { language: 'Scala', names: ['build.sbt', '*.sbt'], inDefault: true },
  { language: 'PHP', names: ['composer.json', 'index.php'], inDefault: true },
  { language: '.NET', names: ['*.sln', '*.slnx', '*.csproj', '*.fsproj', '*.vbproj'], inDefault: true },
  { language: 'Rust', names: ['Cargo.toml'], inDefault: false },
  { language: 'Elixir', names: ['mix.exs'], inDefault: false },
  { language: 'Clojure', names: ['project.clj', 'deps.edn'], inDefault: false },
  { language: 'Deno', names: ['deno.json', 'deno.jsonc'], inDefault: false },
  { language: 'Gleam', names: ['gleam.toml'], inDefault: false },
  { language: 'Swift', names: ['Package.swift'], inDefault: false },
  { language: 'Crystal', names: ['shard.yml'], inDefault: false },
  { language: 'static pages', names: ['index.html', 'Staticfile', 'static.json'], inDefault: false },
];

/** The first name of the signal that is among those of the root. */
export function nameOfSignal({ names }: Signal, present: readonly string[]): string | undefined {
  for (const name of names) {
    const found = name.startsWith('*')
      ? present.find((each) => each.length > name.length - 1 && each.endsWith(name.slice(1)))
      : present.find((each) => each === name);
    if (found !== undefined) return found;
  }
  return undefined;
}
