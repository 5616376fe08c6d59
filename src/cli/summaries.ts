/** A command as `build --help` lists it. */
export interface Summary {
  readonly name: string;
  readonly synopsis: string;
  readonly summary: string;
}

/** Every command but `build [SOURCE]` itself. */
export const COMMANDS = [
  { name: 'plan', synopsis: '[SOURCE]', summary: 'what would be built and why' },
  { name: 'inspect', synopsis: 'IMAGE', summary: 'manifest, layers, config, processes' },
  { name: 'validate', synopsis: 'IMAGE', summary: 'check every digest, size and document of an image' },
  { name: 'push', synopsis: 'IMAGE REF...', summary: 'send an image to one or more registries' },
  { name: 'copy', synopsis: 'FROM TO', summary: 'copy an image from one place to another' },
  { name: 'run', synopsis: 'IMAGE [PROCESS] [-- COMMAND]', summary: 'run a process of an image in Docker' },
  {
    name: 'images',
    synopsis: 'list|rm|serve',
    summary: 'the local store; serve: a pull-only registry over it',
  },
  {
    name: 'heroku',
    synopsis: 'plan|import|status|report|verify',
    summary: 'leave Heroku: its apps as images, without a rebuild',
  },
  { name: 'doctor', synopsis: '', summary: 'what this machine can build, and what is missing' },
] as const satisfies readonly Summary[];

export const BUILD: Summary = { name: 'build', synopsis: '[SOURCE]', summary: 'build an image' };
