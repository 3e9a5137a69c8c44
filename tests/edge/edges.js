// The edges of a generation under node: their generated code, unchanged but for the imports that only the real runtimes
// resolve, over mocks that keep to the limits of the real services.
'use strict';
const fs = require('fs');
const path = require('path');

// What CloudFront documents, in bytes. It documents no limit of reads, which cost time; a walk needs few.
const LIMITS = { code: 10_000, key: 512, value: 1024, store: 5_000_000, reads: 9 };

function fail(message) {
  throw new Error(message);
}

function cloudfront(folder) {
  const code = fs.readFileSync(path.join(folder, 'function.js'), 'utf8');
  const text = fs.readFileSync(path.join(folder, 'kvs.json'));
  if (Buffer.byteLength(code) > LIMITS.code) fail(`the function has ${Buffer.byteLength(code)} bytes`);
  if (text.length > LIMITS.store) fail(`the store has ${text.length} bytes`);
  const store = new Map();
  for (const { key, value, ...more } of JSON.parse(text).data) {
    if (Object.keys(more).length || store.has(key)) fail(`odd or repeated: ${key}`);
    if (!key || Buffer.byteLength(key) > LIMITS.key) fail(`not a key: ${key}`);
    if (!value || Buffer.byteLength(value) > LIMITS.value) fail(`${key}: ${Buffer.byteLength(value)} bytes`);
    store.set(key, value);
  }
  const reads = { now: 0, most: 0 };
  const read = (key) => {
    if (Buffer.byteLength(key) > LIMITS.key) fail(`asked for a key of ${Buffer.byteLength(key)} bytes`);
    reads.most = Math.max(reads.most, ++reads.now);
    if (reads.now > LIMITS.reads) fail(`more than ${LIMITS.reads} reads`);
  };
  const selected = {};
  const table = {
    async get(key) {
      read(key);
      if (!store.has(key)) throw new Error('KeyNotFound');
      return store.get(key);
    },
    async exists(key) {
      read(key);
      return store.has(key);
    },
  };
  const body = code.replace(/import cf from *'cloudfront';/, '') + '\nreturn { handler, begin, step, lookUp };';
  const { handler, begin, step, lookUp } = new Function('cf', `'use strict';${body}`)({ kvs: () => table, selectRequestOriginById: (id) => (selected.id = id) });
  const response = fs.readFileSync(path.join(folder, 'response.js'), 'utf8');
  return {
    reads,
    selected,
    respond: new Function(`'use strict';${response}\nreturn handler;`)(),
    handler(event) {
      reads.now = 0;
      delete selected.id;
      return handler(event);
    },
    async decide(method, rawPath, query) {
      reads.now = 0;
      let decision = begin(method, rawPath, query);
      while (decision.key) decision = step(decision, await lookUp(decision.key));
      return decision;
    },
  };
}

function cloudflare(folder, fetch) {
  const code = fs.readFileSync(path.join(folder, 'worker.js'), 'utf8');
  const table = fs.readFileSync(path.join(folder, 'tables.txt'), 'utf8');
  const body = code.replace("import TABLE from './tables.txt';", '').replace('export default', 'const worker =');
  const made = new Function('TABLE', 'fetch', `'use strict';${body}\nreturn { worker, begin, step, lookUp };`)(table, fetch);
  return {
    fetch: (request, env) => made.worker.fetch(request, env),
    async decide(method, rawPath, query) {
      let decision = made.begin(method, rawPath, query);
      while (decision.key) decision = made.step(decision, made.lookUp(decision.key));
      return decision;
    },
  };
}

module.exports = { cloudfront, cloudflare };
