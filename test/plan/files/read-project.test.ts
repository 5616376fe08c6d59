import { describe, expect, it } from 'vitest';
import { readProjectFiles, requireReadable } from '../../../src/plan/files/read-project.ts';
import { EMPTY_PROJECT } from '../../../src/plan/project.ts';
import { buildRequest } from '../../helpers/pipeline.ts';

const read = (files: Readonly<Record<string, string>>, changes = {}) =>
  readProjectFiles(async (path) => files[path], buildRequest('.', changes));

describe('the files of a project', () => {
  it('say nothing where there are none', async () => {
    expect(await read({})).toEqual(EMPTY_PROJECT);
  });

  it('give way to dogwood.toml, and that to flags', async () => {
    const files = {
      'dogwood.toml': 'builder = "own"\ntarget = "own"\n[processes]\nweb = "own"\nworker = "own"',
      Procfile: 'web: theirs\nclock: theirs',
      'project.toml': '[_]\nschema-version = "0.2"\n[io.buildpacks]\nbuilder = "theirs"',
      'app.json': '{"stack": "heroku-24"}',
      'fly.toml': '[build]\ndockerfile = "fly/Dockerfile"\nbuilder = "fly"',
    };
    const project = await read(files, { target: 'flag', processes: { web: 'flag' } });
    expect(project).toMatchObject({
      builder: { value: 'own', from: 'dogwood.toml' },
      target: { value: 'flag', from: '--target' },
      file: { value: 'fly/Dockerfile', from: 'fly.toml' },
      stack: { value: 'heroku-24', from: 'app.json' },
      processes: {
        web: { value: 'flag', from: '--process' },
        worker: { value: 'own', from: 'dogwood.toml' },
        clock: { value: 'theirs', from: 'Procfile' },
      },
    });
  });

  it('name variables, each once and never with its value', async () => {
    const files = { 'dogwood.toml': 'env = ["A"]', 'app.json': '{"env": {"A": "hunter2", "B": "hunter2"}}' };
    const project = await read(files, { env: { C: 'hunter2' } });
    expect(project.env).toEqual([
      { value: 'C', from: '--env' },
      { value: 'A', from: 'dogwood.toml' },
      { value: 'B', from: 'app.json' },
    ]);
    expect(JSON.stringify(project)).not.toContain('hunter2');
  });

  it('keep the release command of a Procfile apart from its processes', async () => {
    const project = await read({ Procfile: 'release: ./migrate\nweb: ./serve' });
    expect(project.release).toEqual({ value: { command: './migrate', timeout: null }, from: 'Procfile' });
    expect(Object.keys(project.processes)).toEqual(['web']);
  });

  it('may be broken where they are of other tools, until somebody needs them', async () => {
    const project = await read({ 'app.json': '{', 'fly.toml': '[build]\nimage = "x"' });
    expect(project.problems.map(({ from, unreadable }) => [from, unreadable])).toEqual([
      ['app.json', true],
      ['fly.toml', false],
    ]);
    expect(() => requireReadable(project, ['project.toml', 'fly.toml'])).not.toThrow();
    expect(() => requireReadable(project, ['app.json'])).toThrow(
      expect.objectContaining({ code: 'PROJECT_FILE_INVALID', message: 'app.json:1: it is no JSON' }),
    );
  });

  it('must be right where they are our own', async () => {
    await expect(read({ 'dogwood.toml': 'x = 1' })).rejects.toMatchObject({ code: 'PROJECT_FILE_INVALID' });
  });
});
