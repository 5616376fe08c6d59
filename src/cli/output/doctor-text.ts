import { formatBytes } from '../../plan/format-bytes.ts';
import type { DoctorDocument } from '../doctor.ts';
import { escapeControl } from './escape.ts';
import { formatTable } from './format.ts';
import { indent } from './result-text.ts';

/** What the machine can do, for people. */
export function doctorText(document: DoctorDocument): string {
  const { node, home, config, strategies, engines, credentials, network } = document;
  const free = home.free === null ? '' : `, ${formatBytes(home.free)} free`;
  const machine = [
    [mark(node.ok), 'node', `${node.version}${node.ok ? '' : `, needs ${node.needed} or later`}`],
    [mark(home.ok), 'home', `${home.path ?? 'none'}${home.problem === null ? free : `: ${home.problem}`}`],
    [config.ok && !config.found ? 'none' : mark(config.ok), 'config', config.problem ?? config.path ?? ''],
  ];
  // What is missing is only missing where the machine is sound.
  const lack = document.ok ? 'missing' : mark(false);
  const builds = strategies.map(({ name, ok, needs }) => [ok ? mark(ok) : lack, name, `needs ${needs}`]);
  const tools = engines.map(({ name, found, version, enables, problem }) => [
    found ? 'found' : 'missing',
    name,
    [version ?? '', `for ${enables}`, problem === null ? '' : `(${problem})`]
      .filter((part) => part)
      .join(' '),
  ]);
  const logins = [
    ...credentials.places.flatMap(({ place, problem }) =>
      problem === null ? [] : [['broken', place, problem]],
    ),
    ...credentials.registries.map(({ registry, source, place, ok }) => [
      ok ? 'found' : 'missing',
      registry === '*' ? 'any other' : registry,
      `${source}, says ${place}`,
    ]),
  ];
  return `${[
    `dogwood ${document.version}`,
    ...section('Machine', machine),
    ...section('Builds', builds),
    ...section('Engines', tools),
    ...section('Credentials', logins, 'none: registries are spoken to as anybody'),
    ...section('Network', networkRows(network), 'straight to every host, with no certificates of its own'),
  ].join('\n')}\n`;
}

function networkRows({ proxies, authorities, hosts, allowOutbound }: DoctorDocument['network']): string[][] {
  return [
    ...proxies.map(({ variable, address }) => ['set', variable, address]),
    ...authorities.map(({ variable, path, ok }) => [ok ? 'set' : 'missing', variable, path]),
    ...hosts.map(({ host, authorities: files, clientCertificate, insecure, mirrors, problem }) => {
      const what = [
        files === 0 ? '' : `authorities in ${files} ${files === 1 ? 'file' : 'files'}`,
        clientCertificate ? 'a client certificate' : '',
        insecure ? 'certificates are not checked' : '',
        mirrors.length === 0 ? '' : `pulled from ${mirrors.join(', then ')} first`,
      ];
      return [mark(problem === null), host, problem ?? what.filter((part) => part !== '').join(', ')];
    }),
    ...allowOutbound.map((entry) => ['allowed', entry, 'servers may lead there']),
  ];
}

function section(title: string, rows: readonly (readonly string[])[], empty = 'none'): string[] {
  const lines = rows.length === 0 ? [empty] : formatTable(rows.map((row) => row.map(escapeControl)));
  return ['', title, ...lines.map(indent)];
}

const mark = (ok: boolean): string => (ok ? 'ok' : 'broken');
