import { readFileSync } from 'node:fs';
import ajvDraft04 from 'ajv-draft-04';
import ajvFormats from 'ajv-formats';

/** Checks documents against Heroku's published schema (`../shared/data`). */
export interface HerokuSchema {
  /** What is wrong with a document; empty when the schema accepts it. */
  faults(definition: string, document: unknown): readonly string[];
}

const ROOT = 'http://api.heroku.com/schema';

/** Words of JSON Hyper-Schema and of examples, at which the validator stumbles; not properties that are named so. */
const DROPPED: ReadonlySet<string> = new Set(['links', 'example', '$schema']);

export function readHerokuSchema(path: string): HerokuSchema {
  const ajv = new ajvDraft04.default({ strict: false, allErrors: true });
  ajvFormats.default(ajv);
  ajv.addSchema({ ...(adapt(JSON.parse(readFileSync(path, 'utf8')), false) as object), id: ROOT });
  return {
    faults(definition, document) {
      const check = ajv.getSchema(`${ROOT}#/definitions/${definition}`);
      if (check === undefined) return [`the schema has no ${definition}`];
      check(document);
      return (check.errors ?? []).map(
        ({ instancePath, message }) => `${definition}${instancePath} ${message}`,
      );
    },
  };
}

/** @param named true inside of `properties` and the like, where every key is somebody's name */
function adapt(value: unknown, named: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => adapt(item, false));
  if (typeof value !== 'object' || value === null) return value;
  const out: Record<string, unknown> = {};
  for (const [key, part] of Object.entries(value)) {
    if (!named && (DROPPED.has(key) || (key === 'id' && typeof part === 'string'))) continue;
    if (!named && key === 'strictProperties') {
      if (part === true) out.additionalProperties = false;
    } else {
      out[key] = adapt(part, !named && ['properties', 'definitions', 'patternProperties'].includes(key));
    }
  }
  // A defect of the schema: a bare host name has format uri (heroku.md section 0).
  if (out.example === undefined && isHostname(value)) delete out.format;
  return out;
}

function isHostname(value: object): boolean {
  return 'description' in value && value.description === 'full hostname';
}
