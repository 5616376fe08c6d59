import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { HttpResponse } from '../../../src/net/http.ts';
import { refusal } from '../../../src/registry/http/refusal.ts';
import { mayPass } from '../../../src/registry/http/retry.ts';

const response = (status: number, body = '', headers: Record<string, string[]> = {}): HttpResponse => ({
  status,
  headers,
  body: Readable.from([Buffer.from(body)], { objectMode: false }),
  limitTime() {},
});
const fault = (code: string, message = '') => JSON.stringify({ errors: [{ code, message }] });

const codeOf = async (status: number, body?: string, movesTag = false) =>
  (await refusal(response(status, body), 'r.example: PUT it', 0, movesTag)).code;

describe('refusal', () => {
  it.each([408, 429, 499, 500, 502, 503, 504, 520, 522])(
    'takes %d for trouble that may pass',
    async (status) => {
      expect(mayPass(await refusal(response(status), 'it', 0))).toBe(true);
    },
  );

  it.each([400, 401, 403, 404, 405, 409, 412, 413, 422, 501, 505, 507, 511])(
    'takes %d for good',
    async (status) => {
      expect(mayPass(await refusal(response(status), 'it', 0))).toBe(false);
    },
  );

  it.each(['BLOB_UPLOAD_INVALID', 'TOOMANYREQUESTS', 'UNKNOWN', 'UNAVAILABLE'])(
    'takes %s for trouble that may pass, but not where we are not let in',
    async (code) => {
      expect(mayPass(await refusal(response(400, fault(code)), 'it', 0))).toBe(true);
      if (code !== 'TOOMANYREQUESTS') expect(await codeOf(401, fault(code))).toBe('REGISTRY_UNAUTHORIZED');
    },
  );

  it('takes an answer whose words are damaged for trouble that may pass, whatever they would have been', async () => {
    const whole = fault('DIGEST_INVALID', 'no');
    expect(await codeOf(400, whole)).toBe('DIGEST_MISMATCH');
    const json = { 'content-type': ['application/json'] };
    const coded = async (status: number, text: string) =>
      (await refusal(response(status, text, json), 'it', 0)).code;
    expect(await coded(400, whole.slice(0, -2))).toBe('REGISTRY_UNAVAILABLE');
    expect(await coded(400, `?${whole.slice(1)}`)).toBe('REGISTRY_UNAVAILABLE');
    expect(await coded(403, whole.slice(0, -2))).toBe('REGISTRY_DENIED');
  });

  it.each([
    ['No required SSL certificate was sent', 'it wants a client certificate'],
    ['The SSL certificate error', 'it does not take the client certificate'],
  ])('hears from a web page of nginx that a client certificate is wanted: %s', async (words, message) => {
    const page = `<html><head><title>400 ${words}</title></head><center>nginx</center></html>`;
    const error = await refusal(response(400, page, { 'content-type': ['text/html'] }), 'r.example: ping', 0);
    expect(error).toMatchObject({
      code: 'REGISTRY_TLS',
      message: expect.stringContaining(message),
      hint: expect.stringContaining('cert = "FILE"'),
    });
  });

  it.each(['BLOB_UPLOAD_UNKNOWN', 'BLOB_UPLOAD_INVALID'])(
    'takes an upload session that is gone (404 %s) for trouble that may pass, not for a missing image',
    async (code) => {
      expect(await codeOf(404, fault(code))).toBe('REGISTRY_UNAVAILABLE');
    },
  );

  it.each([
    [
      'Harbor',
      412,
      'DENIED',
      'adding 1 MiB of storage resource, which ... will exceed the configured upper limit of 2 MiB.',
    ],
    ['Quay', 403, 'DENIED', 'Quota has been exceeded on namespace'],
    ['a plain answer', 507, '', ''],
    ['a proxy', 413, '', ''],
    ['a full disk', 500, 'UNKNOWN', 'write /var/lib/registry/x: no space left on device'],
  ])('knows how %s says that there is no room', async (_who, status, code, message) => {
    expect(await codeOf(status, code === '' ? '' : fault(code, message))).toBe('REGISTRY_FULL');
  });

  it('does not take a limit of requests for one of room', async () => {
    expect(await codeOf(429, fault('TOOMANYREQUESTS', "Quota exceeded for quota metric 'Requests'"))).toBe(
      'REGISTRY_RATE_LIMITED',
    );
  });

  it.each([
    [
      'ECR',
      400,
      'TAG_INVALID',
      "The image tag 'v1' already exists in the 'app' repository and cannot be overwritten because the repository is immutable.",
    ],
    ['Harbor', 412, 'PRECONDITION', "Failed to process request due to 'app:v1' configured as immutable."],
    ['GAR', 400, 'MANIFEST_INVALID', 'cannot update tag v1. The repository has enabled tag immutability'],
    ['ACR', 405, 'UNSUPPORTED', 'The operation is disallowed on this registry, repository or image.'],
    ['Quay', 409, 'TAG_EXISTS', ''],
    ['Artifactory', 403, 'DENIED', "Not enough permissions to overwrite artifact 'app/v1'"],
  ])('knows how %s says that a tag may not move, when one was to', async (_who, status, code, message) => {
    expect(await codeOf(status, fault(code, message), true)).toBe('TAG_IMMUTABLE');
    expect(await codeOf(status, fault(code, message))).not.toBe('TAG_IMMUTABLE');
  });

  it('gives what was said on one line, without what a terminal would act on, and not all of a novel', async () => {
    const { message } = await refusal(response(400, `a\u001b[31m\nb${'c'.repeat(400)}`), 'it', 0);
    expect(message).toMatch(/^it: 400 a \[31m b(?:c+)\.\.\.$/);
    expect(message.length).toBeLessThan(330);
  });
});
