import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
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

/** A self-signed certificate for 127.0.0.1, made by openssl. */
export async function selfSigned(): Promise<Certificate> {
  const folder = await temporaryFolder();
  const [certPath, keyPath] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const subject = ['-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyPath];
  execFileSync(engineOrThrow('openssl'), ['req', '-x509', ...key, '-out', certPath, ...subject], {
    stdio: 'ignore',
  });
  return { cert: readFileSync(certPath, 'utf8'), certPath, key: readFileSync(keyPath, 'utf8'), keyPath };
}
