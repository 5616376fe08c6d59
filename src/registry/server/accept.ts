/** Does an `Accept` header let this media type be sent (RFC 9110 section 12.5.1)? Without one, anything may be. */
export function accepts(header: string | undefined, mediaType: string): boolean {
  if (header === undefined || header.trim() === '') return true;
  const [kind] = mediaType.split('/');
  return header.split(',').some((entry) => {
    const [name = '', ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase());
    const refused = parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
    return !refused && (name === mediaType || name === '*/*' || name === `${kind}/*`);
  });
}
