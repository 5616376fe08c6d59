import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { engineOrThrow } from './engines.ts';
import { temporaryFolder } from './temp.ts';

export interface Certificate {
  /** PEM, and where it lies. */
  readonly cert: string;
  readonly certPath: string;
  readonly key: string;
  readonly keyPath: string;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function openssl(...words: readonly string[]): void {
  execFileSync(engineOrThrow('openssl'), words, { stdio: 'ignore' });
}

function read(certPath: string, keyPath: string): Certificate {
  return { cert: readFileSync(certPath, 'utf8'), certPath, key: readFileSync(keyPath, 'utf8'), keyPath };
}

/** A self-signed certificate for 127.0.0.1, made by openssl. */
export async function selfSigned(): Promise<Certificate> {
  const folder = await temporaryFolder();
  const [certPath, keyPath] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const subject = ['-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  openssl('req', '-x509', ...KEY, '-keyout', keyPath, '-out', certPath, ...subject);
  return read(certPath, keyPath);
}

/** An authority of its own, that vouches for servers and clients. */
export async function authority(): Promise<Certificate> {
  const folder = await temporaryFolder();
  const [certPath, keyPath] = [join(folder, 'ca.pem'), join(folder, 'ca.key')];
  const subject = ['-subj', '/CN=authority', '-addext', 'basicConstraints=critical,CA:TRUE', '-days', '2'];
  openssl('req', '-x509', ...KEY, '-keyout', keyPath, '-out', certPath, ...subject);
  return read(certPath, keyPath);
}

/**
 * A certificate that the authority vouches for.
 *
 * @param names as openssl writes them: `IP:127.0.0.1`, `DNS:registry.example`
 * @param days from now; below zero for one that has expired
 */
export async function issued(by: Certificate, names = 'IP:127.0.0.1', days = 2): Promise<Certificate> {
  const folder = await temporaryFolder();
  const [certPath, keyPath] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const [request, extensions] = [join(folder, 'request.pem'), join(folder, 'extensions')];
  writeFileSync(extensions, `subjectAltName=${names}\n`);
  openssl('req', '-new', ...KEY, '-keyout', keyPath, '-out', request, '-subj', '/CN=test');
  const signer = ['-CA', by.certPath, '-CAkey', by.keyPath, '-CAcreateserial', '-extfile', extensions];
  openssl('x509', '-req', '-in', request, ...signer, '-days', String(days), '-out', certPath);
  return read(certPath, keyPath);
}
