/**
 * What can be wrong with TLS, told apart by what a person has to do about it.
 *
 * `issuer`  nobody that is trusted vouches for the certificate
 * `client`  the server wants a certificate of ours, or another one
 */
export type TlsTrouble = 'expired' | 'name' | 'issuer' | 'client' | 'version' | 'other';

export interface TlsFailure {
  readonly trouble: TlsTrouble;
  readonly message: string;
  readonly hint: string;
}

const FOLDERS =
  'ca = "FILE" under [hosts."HOST"] in the config file, or HOST/ca.crt in /etc/containers/certs.d';
const TRUST = `If you trust it, give the certificate of its issuer: ${FOLDERS}.`;
const CLIENT =
  'Give cert = "FILE" and key = "FILE" under [hosts."HOST"] in the config file, or HOST/client.cert and client.key in /etc/containers/certs.d.';

type Told = readonly [trouble: TlsTrouble, message: string, hint: string];

const EXPIRED: Told = [
  'expired',
  'its certificate has expired',
  "Its operator has to renew it; if it has not expired, this machine's clock is wrong.",
];
const EARLY: Told = [
  'expired',
  'its certificate is not valid yet',
  "Check this machine's clock; if it is right, the operator has to put the certificate right.",
];
const NAME: Told = [
  'name',
  'its certificate is for other names',
  'Use a name that the certificate has, or have one issued for this name.',
];
const ISSUER: Told = ['issuer', 'its certificate is from an issuer that is not trusted', TRUST];
const SELF_SIGNED: Told = ['issuer', 'its certificate is signed by itself only', TRUST];
const SELF_SIGNED_CHAIN: Told = ['issuer', 'its certificate is from an authority that is not trusted', TRUST];
const WANTS_CLIENT: Told = ['client', 'it wants a client certificate', CLIENT];
const REFUSES_CLIENT: Told = ['client', 'it does not take the client certificate', CLIENT];
const VERSION: Told = [
  'version',
  'it speaks no version of TLS that is still safe (1.2 or later)',
  'Its operator has to switch on TLS 1.2 or 1.3.',
];

/** By the codes of Node (`ERR_TLS_`), of OpenSSL's certificate check, and of the alerts that a server sends (RFC 8446 section 6). */
const BY_CODE: ReadonlyMap<string, Told> = new Map([
  ['CERT_HAS_EXPIRED', EXPIRED],
  ['CERT_NOT_YET_VALID', EARLY],
  ['ERR_TLS_CERT_ALTNAME_INVALID', NAME],
  ['HOSTNAME_MISMATCH', NAME],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', SELF_SIGNED],
  ['SELF_SIGNED_CERT_IN_CHAIN', SELF_SIGNED_CHAIN],
  ['UNABLE_TO_GET_ISSUER_CERT', ISSUER],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', ISSUER],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', ISSUER],
  ['CERT_UNTRUSTED', ISSUER],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', WANTS_CLIENT],
  // TLS 1.2 has no alert of its own for a missing certificate; servers send this one.
  ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', WANTS_CLIENT],
  ['ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', WANTS_CLIENT],
  ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', REFUSES_CLIENT],
  ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', REFUSES_CLIENT],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN', REFUSES_CLIENT],
  ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN', REFUSES_CLIENT],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', REFUSES_CLIENT],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', REFUSES_CLIENT],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', VERSION],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', VERSION],
]);

const TLS_CODE =
  /^(?:ERR_TLS_|ERR_SSL_|CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/;

/**
 * What nginx says in HTTP, since its handshake lets everybody in (its statuses 495 and 496 go out as 400). Undefined
 * for a web page about something else.
 */
export function clientCertificateRefusal(page: string): TlsFailure | undefined {
  const words = /(no required SSL certificate was sent)|the SSL certificate error/i.exec(page);
  if (words === null) return undefined;
  const [trouble, message, hint] = words[1] === undefined ? REFUSES_CLIENT : WANTS_CLIENT;
  return { trouble, message: `${message} (${words[0]})`, hint };
}

/** Undefined for a code that has nothing to do with TLS. */
export function tlsFailure(code: string): TlsFailure | undefined {
  const told = BY_CODE.get(code);
  if (told === undefined) {
    if (!TLS_CODE.test(code)) return undefined;
    return {
      trouble: 'other',
      message: `TLS fails (${code})`,
      hint: `See what \`openssl s_client\` says of it.`,
    };
  }
  const [trouble, message, hint] = told;
  return { trouble, message: `${message} (${code})`, hint };
}
