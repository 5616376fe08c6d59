import type { Platform } from '../descriptor.ts';
import type { ImageConfig } from '../documents.ts';
import { formatPlatform, normalisePlatform } from '../platform.ts';
import type { Violation, ViolationCode } from './violation.ts';

// RFC 3339, section 5.6.
const DATE_TIME = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;
const PORT = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(?:tcp|udp|sctp))?$/;
const SIGNAL = /^(?:(?:SIG)?[A-Z][A-Z0-9]*(?:[+-]\d+)?|\d{1,3})$/;

/** image-spec config.md. */
export function configViolations(config: ImageConfig, where: string): Violation[] {
  const violations: Violation[] = [];
  const add = (code: ViolationCode, message: string): void => {
    violations.push({ code, where, message });
  };
  if (config.os === '') add('CONFIG_PLATFORM', 'os is empty');
  if (config.architecture === '') add('CONFIG_PLATFORM', 'architecture is empty');
  for (const created of [config.created, ...(config.history ?? []).map((entry) => entry.created)]) {
    if (created != null && !isDateTime(created)) {
      add('CONFIG_CREATED', `${JSON.stringify(created)} is no date and time of RFC 3339`);
    }
  }
  const run = config.config ?? {};
  for (const variable of run.Env ?? []) {
    // The value may be a secret that should not be there: only what is in front of = is shown.
    if (!/^[^=\0]+=[^\0]*$/.test(variable))
      add('CONFIG_ENV', `${shownName(variable)} is not of the form NAME=VALUE`);
  }
  if (run.WorkingDir && !isAbsolute(run.WorkingDir, config.os)) {
    add('CONFIG_WORKDIR', `${JSON.stringify(run.WorkingDir)} is not absolute`);
  }
  for (const port of Object.keys(run.ExposedPorts ?? {})) {
    if (!isPort(port)) add('CONFIG_PORT', `${JSON.stringify(port)} is not of the form PORT/tcp`);
  }
  for (const volume of Object.keys(run.Volumes ?? {})) {
    if (!isAbsolute(volume, config.os)) add('CONFIG_VOLUME', `${JSON.stringify(volume)} is not absolute`);
  }
  if (run.StopSignal && !SIGNAL.test(run.StopSignal)) {
    add('CONFIG_STOP_SIGNAL', `${JSON.stringify(run.StopSignal)} is no signal`);
  }
  return violations;
}

/** An entry of history that made a layer for each layer (config.md, history). */
export function historyViolations(config: ImageConfig, layers: number, where: string): Violation[] {
  const history = config.history ?? [];
  if (history.length === 0) return [];
  const made = history.filter((entry) => entry.empty_layer !== true).length;
  if (made === layers) return [];
  const message = `history has ${made} entries that are not empty, the image ${layers} layers`;
  return [{ code: 'HISTORY_COUNT', where, message }];
}

/** What an index says of an image, and what the image says itself. */
export function platformViolations(config: ImageConfig, stated: Platform, where: string): Violation[] {
  const [own, other] = [normalisePlatform(config), normalisePlatform(stated)];
  const isSame =
    own.os === other.os &&
    own.architecture === other.architecture &&
    // A config often leaves the variant out.
    (own.variant === undefined || other.variant === undefined || own.variant === other.variant);
  if (isSame) return [];
  const message = `the index says ${formatPlatform(stated)}, the config ${formatPlatform(own)}`;
  return [{ code: 'PLATFORM_MISMATCH', where, message }];
}

function isDateTime(text: string): boolean {
  return DATE_TIME.test(text) && !Number.isNaN(Date.parse(text));
}

function isAbsolute(path: string, os: string): boolean {
  return path.startsWith('/') || (os === 'windows' && /^(?:[a-zA-Z]:)?[\\/]/.test(path));
}

function isPort(text: string): boolean {
  const [, from, to] = PORT.exec(text) ?? [];
  const isNumber = (port: string | undefined): boolean =>
    port === undefined || (Number(port) > 0 && Number(port) <= 65535);
  return from !== undefined && isNumber(from) && isNumber(to);
}

function shownName(variable: string): string {
  const equals = variable.indexOf('=');
  if (equals === -1) return 'a variable without =';
  return equals === 0 ? 'a variable without a name' : JSON.stringify(variable.slice(0, equals).slice(0, 100));
}
