// Generated. The Worker: routes a request with the table beside it and sends the object of the bucket that answers it.
import TABLE from './tables.txt';

const SETTINGS = {{ settings }};
const TYPES = {{ types }};

{{ router }}

// The value of a key in the sorted lines `key value` of the table.
function lookUp(key) {
  let low = 0, high = TABLE.length;
  while (low < high) {
    const start = TABLE.lastIndexOf('\n', ((low + high) >> 1) - 1) + 1;
    const end = TABLE.indexOf('\n', start);
    const space = TABLE.indexOf(' ', start);
    const found = TABLE.slice(start, space);
    if (found === key) return TABLE.slice(space + 1, end);
    if (found < key) low = end + 1;
    else high = start;
  }
  return undefined;
}

function decide(method, url) {
  const target = /^[^:]*:\/\/[^/?#]*([^?#]*)(?:\?([^#]*))?/.exec(url);
  let decision = begin(method, target[1] || '/', target[2]);
  while (decision.key) decision = step(decision, lookUp(decision.key));
  return decision;
}

// What is unusual about a package file: the type if it is not that of its name, and whether it is one in `.gz`.
function note(path) {
  const value = lookUp('=' + encode(path)) || '';
  return { isArchive: value[0] === 'z', type: value.replace(/^z?/, '') };
}

function suggested(path) {
  const name = path.slice(path.lastIndexOf('/') + 1), dot = name.lastIndexOf('.');
  return (dot > 0 && Object.hasOwn(TYPES, name.slice(dot + 1).toLowerCase()) && TYPES[name.slice(dot + 1).toLowerCase()]) || '{{ text }}';
}

function contentType(decision, noted) {
  if (noted.type) return noted.type;
  return { answer: '{{ json }}', document: '{{ json }}', index: '{{ json }}', versions: '{{ json }}', signature: '{{ text }}' }[decision.kind] || suggested(decision.file);
}

function cacheControl(decision) {
  if (/^(?:document|index|versions)$/.test(decision.kind)) return 'max-age=10, public';
{%- if immutable %}
  if (/^\/(?:package|epr)\//.test(decision.file)) return 'max-age=31536000, public, immutable';
{%- endif %}
  return 'max-age=600, public';
}

function plain(decision, method) {
  const headers = new Headers({ 'access-control-allow-origin': '*' });
  if (decision.location) headers.set('location', decision.location);
  if (decision.status === 302) {
    headers.set('cache-control', 'max-age=0, private, no-store');
    headers.set('vary', 'Accept');
  }
  if (decision.status === 204) {
    headers.set('access-control-allow-methods', 'GET, HEAD, OPTIONS');
    headers.set('access-control-allow-headers', '*');
  }
  if (decision.status === 405) headers.set('allow', 'GET, HEAD, OPTIONS');
  let body = null;
  if (decision.text) {
    headers.set('content-type', 'text/plain; charset=utf-8');
    headers.set('cache-control', 'max-age=0, private, no-store');
    headers.set('x-content-type-options', 'nosniff');
    body = new TextEncoder().encode(decision.text + '\n');
  }
  return new Response(method === 'HEAD' ? null : body, { status: decision.status, headers });
}

// Why a file that should answer is not there. An answer or the index must be: without it the upload is not complete.
async function missing(decision, bucket) {
  const texts = { page: '{{ texts.no_route }}', versions: '{{ texts.no_route }}', document: '{{ texts.no_revision }}', archive: '{{ texts.no_artifact }}', signature: '{{ texts.no_signature }}' };
  if (texts[decision.kind]) return refuse(404, texts[decision.kind]);
  if (decision.kind !== 'packaged') return refuse(500, '{{ texts.broken }}');
  const isThere = await bucket.head(decision.document);
  return refuse(404, isThere ? '{{ texts.no_resource }}' : '{{ texts.no_revision }}');
}

// The bytes that a request asks for: undefined for all of them, null when it asks beyond the end.
function wanted(request, object) {
  const range = /^bytes=(\d*)-(\d*)$/.exec(request.headers.get('range') || ''), size = object.size;
  const condition = request.headers.get('if-range');
  if (!range || (range[1] === '' && range[2] === '')) return undefined;
  if (condition && condition !== object.httpEtag && condition !== object.uploaded.toUTCString()) return undefined;
  if (range[1] === '') return Number(range[2]) && size ? { offset: Math.max(size - Number(range[2]), 0), end: size } : null;
  const offset = Number(range[1]), end = range[2] === '' ? size : Math.min(Number(range[2]) + 1, size);
  if (range[2] !== '' && Number(range[2]) < offset) return undefined;
  return offset < size ? { offset, end } : null;
}

function isUnchanged(request, object) {
  const tags = request.headers.get('if-none-match');
  if (tags !== null) return tags.trim() === '*' || tags.split(',').some((tag) => tag.trim().replace(/^W\//, '') === object.httpEtag);
  const since = Date.parse(request.headers.get('if-modified-since') || '');
  return Math.floor(object.uploaded.getTime() / 1000) * 1000 <= since;
}

async function send(decision, request, bucket, isSecond) {
  const noted = decision.kind === 'packaged' ? note(decision.file) : {};
  if (decision.kind === 'packaged' && decision.file.endsWith('.gz') && !noted.isArchive)
    return plain(await missing(decision, bucket), request.method);
  // Clients take the length of an archive for that of its content, and a package may hold `x` and `x.gz`.
  const mayBePacked = !/^(?:archive|signature|icon)$/.test(decision.kind) && !(decision.kind === 'packaged' && note(decision.file + '.gz').isArchive);
  // Workers are told that every client takes gzip, and the truth elsewhere.
  const accepted = request.cf ? request.cf.clientAcceptEncoding : request.headers.get('accept-encoding');
  const accepts = /(?:^|[\s,])(?:x-)?gzip\s*(?:,|$|;(?!\s*q=0(?:\.0*)?\s*(?:,|$)))/i.test(accepted || '');
  // One look is enough where nothing has to be known before the bytes are asked for.
  const isWhole = request.method === 'GET' && !['range', 'if-none-match', 'if-modified-since'].some((name) => request.headers.has(name));
  const look = isWhole ? bucket.get : bucket.head;
  let key = decision.file, object = null;
  if (mayBePacked && accepts && !request.headers.has('range')) object = await look((key = decision.file + '.gz'));
  const isPacked = object !== null;
  if (!isPacked) object = await look((key = decision.file));
  if (object === null) return plain(await missing(decision, bucket), request.method);

  const headers = new Headers({
    'access-control-allow-origin': '*',
    'cache-control': cacheControl(decision),
    'content-type': contentType(decision, noted),
    'accept-ranges': 'bytes',
    etag: object.httpEtag,
    'last-modified': object.uploaded.toUTCString(),
  });
  if (mayBePacked) headers.set('vary', 'Accept-Encoding');
  if (SETTINGS.pages && decision.kind === 'index') headers.append('vary', 'Accept');
  if (isPacked) headers.set('content-encoding', 'gzip');
  // What packages bring along is not ours: an SVG or HTML file that is opened by itself runs nothing.
  const policy = { packaged: "{{ sandbox }}", page: "{{ policy }}" }[decision.kind];
  if (policy) {
    headers.set('content-security-policy', policy);
    headers.set('x-content-type-options', 'nosniff');
  }
  if (decision.kind === 'page') headers.set('referrer-policy', 'no-referrer');
{%- if debug_header %}
  if (/^[\x20-\x7e]+$/.test(decision.file)) headers.set('x-epr-route', decision.file);
{%- endif %}
  if (isUnchanged(request, object)) {
    headers.delete('content-type');
    headers.delete('content-encoding');
    return new Response(null, { status: 304, headers });
  }
  const range = wanted(request, object);
  if (range === null) {
    headers.set('content-range', 'bytes */' + object.size);
    return new Response(null, { status: 416, headers });
  }
  const { offset, end } = range || { offset: 0, end: object.size };
  headers.set('content-length', String(end - offset));
  if (range) headers.set('content-range', `bytes ${offset}-${end - 1}/${object.size}`);
  const options = { status: range ? 206 : 200, headers, encodeBody: 'manual' };
  if (request.method === 'HEAD') return new Response(null, options);
  if (isWhole) return new Response(object.body, options);
  const condition = { onlyIf: { etagMatches: object.etag } };
  const found = await bucket.get(key, range ? { ...condition, range: { offset, length: end - offset } } : condition);
  if (found && found.body) return new Response(found.body, options);
  // It was replaced between the two looks: once more.
  if (isSecond) throw new Error(`${key} changes all the time`);
  return send(decision, request, bucket, true);
}

{%- if computes %}

// What the table does not hold is asked of the fallback, under the path and query under which it was asked for here. Its
// answer passes as it is, whatever its status; statuses of the service between say that there is none.
async function compute(request) {
  const headers = new Headers(request.headers);
  ['authorization', 'cookie', 'host'].forEach((name) => headers.delete(name));
  // By which generation it is to answer; what the client says of it does not count.
  headers.set('x-epr-generation', '{{ generation }}');
  if (request.cf) headers.set('accept-encoding', request.cf.clientAcceptEncoding || 'identity');
  const target = /^[^:]*:\/\/[^/?#]*([^#]*)/.exec(request.url)[1];
  try {
    const signal = AbortSignal.timeout({{ fallback.begin }} * 1000);
    const found = await fetch('{{ fallback.text }}' + target, { method: request.method, headers, redirect: 'manual', signal });
    if (found.status === 502 || found.status === 504 || found.status >= 520) throw new Error(`status ${found.status}`);
    const response = new Response(found.body, found);
    response.headers.set('access-control-allow-origin', '*');
    return response;
  } catch (error) {
    console.error(error);
    return plain(refuse(503, '{{ fallback.down }}'), request.method);
  }
}
{%- endif %}

export default {
  async fetch(request, env) {
    try {
      let decision = decide(request.method, request.url);
{%- if computes %}
      if (decision.status === 501) return await compute(request);
{%- endif %}
      const path = new URL(request.url).pathname;
      if (isForBrowsers(decision, path, request.headers.get('accept'))) decision = toPages();
      const bucket = {
        head: (path) => env.SITE.head((env.FOLDER || '') + path.slice(1)),
        get: (path, options) => env.SITE.get((env.FOLDER || '') + path.slice(1), options),
      };
      return decision.file ? await send(decision, request, bucket) : plain(decision, request.method);
    } catch (error) {
      console.error(error);
      return plain(refuse(500, '{{ texts.broken }}'), request.method);
    }
  },
};
