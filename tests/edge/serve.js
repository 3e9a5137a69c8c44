// A site served by an edge: node serve.js EDGE FOLDER SITE TYPES ADDRESS
//
// FOLDER is the generated folder of the edge, SITE the document root, TYPES a JSON file with what an upload would note of
// objects: {extensions, types, text}. The bucket is SITE itself; what lies between client and function is done here as the
// services document it, in the plainest way.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const path = require('path');
const zlib = require('zlib');
const { Readable } = require('stream');
const edges = require('./edges.js');

// An object of the bucket, by its key; null when there is none.
function open(site, key) {
  const file = path.join(site, key);
  try {
    // A bucket has no folders, and no other names for an object.
    if (key.split('/').some((part) => part === '' || part === '.' || part === '..') || !fs.statSync(file).isFile()) return null;
  } catch {
    return null;
  }
  const content = fs.readFileSync(file);
  return { content, etag: crypto.createHash('md5').update(content).digest('hex'), uploaded: fs.statSync(file).mtime };
}

// R2 as its documentation has it, as far as the Worker uses it.
function bucket(site) {
  const describe = (found) => ({ etag: found.etag, httpEtag: `"${found.etag}"`, size: found.content.length, uploaded: found.uploaded });
  return {
    async head(key) {
      const found = open(site, key);
      return found && describe(found);
    },
    async get(key, options) {
      const found = open(site, key);
      if (!found) return null;
      const { onlyIf, range } = options || {};
      if (onlyIf && onlyIf.etagMatches !== found.etag) return describe(found);
      const body = range ? found.content.subarray(range.offset, range.offset + range.length) : found.content;
      return { ...describe(found), body };
    },
  };
}

// Asks a server as an edge asks an origin: the bytes of a body are passed on as they came. TLS is the service's own, so
// an address of https is asked without.
function ask(address, { method, headers, signal }) {
  const { hostname, port, pathname, search } = new URL(address);
  return new Promise((resolve, reject) => {
    const options = { host: hostname, port, path: pathname + search, method, headers: { ...headers, host: `${hostname}:${port}` }, signal, agent: false };
    const request = http.request(options, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }));
    });
    request.on('error', reject);
    request.end();
  });
}

async function fetch(address, options) {
  const { status, headers, body } = await ask(address, { ...options, headers: Object.fromEntries(options.headers) });
  const found = new Response(options.method === 'HEAD' ? null : body, { status, headers });
  return found;
}

function worker(folder, site) {
  const edge = edges.cloudflare(folder, fetch);
  const env = { SITE: bucket(site), FOLDER: '' };
  return async (request, target) => {
    const headers = Object.entries(request.headers).filter(([name]) => name !== 'connection');
    const asked = { url: `https://registry.example${target}`, method: request.method, headers: new Headers(headers) };
    const response = await edge.fetch(asked, env);
    return { status: response.status, headers: Object.fromEntries(response.headers), body: Buffer.from(await response.arrayBuffer()) };
  };
}

// CloudFront and its bucket: the function, the cache that compresses, an origin that knows paths alone.
function distribution(folder, site, types) {
  const edge = edges.cloudfront(folder);
  return async (request, target) => {
    const at = target.indexOf('?');
    const event = {
      method: request.method,
      uri: at < 0 ? target : target.slice(0, at),
      querystring: {},
      headers: request.headers.accept === undefined ? {} : { accept: { value: request.headers.accept } },
      rawQueryString: () => (at < 0 ? undefined : target.slice(at + 1)),
    };
    const made = await edge.handler({ version: '1.0', context: { eventType: 'viewer-request' }, viewer: {}, request: event });
    if (made.statusCode) {
      const headers = Object.entries(made.headers).map(([name, { value }]) => [name, value]);
      return { status: made.statusCode, headers: Object.fromEntries(headers), body: Buffer.from(made.body || '') };
    }
    if (edge.selected.id) return second(edge.selected.id, folder, request, target);
    if (Object.keys(made.querystring).length || /[^\x21-\x7e]/.test(made.uri)) throw new Error(`not for an origin: ${made.uri}`);
    const answer = origin(request, decodeURIComponent(made.uri.slice(1)), site, types, folder);
    const found = Object.entries(answer.headers).map(([name, value]) => [name, { value }]);
    const response = { statusCode: answer.status, headers: Object.fromEntries(found) };
    const { headers } = edge.respond({ context: { eventType: 'viewer-response' }, request: made, response });
    answer.headers = Object.fromEntries(Object.entries(headers).map(([name, { value }]) => [name, value]));
    const route = answer.headers['x-epr-route'];
    if (route && answer.status < 400) answer.headers['x-epr-route'] = decodeURIComponent(route);
    else delete answer.headers['x-epr-route'];
    return answer;
  };
}

// The other origin, as the template describes it: asked for what the client asked for.
async function second(id, folder, request, target) {
  const template = fs.readFileSync(path.join(folder, 'template.yaml'), 'utf8');
  const part = template.slice(template.indexOf(`- Id: ${id}`));
  const value = (pattern) => pattern.exec(part)[1];
  const headers = { ...request.headers, [value(/HeaderName: (\S+)/).toLowerCase()]: value(/HeaderValue: "(\S+)"/) };
  ['authorization', 'cookie', 'connection'].forEach((name) => delete headers[name]);
  const [code, page, shown] = /ErrorCode: (502)\s+ResponseCode: (\d+)\s+ResponsePagePath: (\S+)/.exec(part).slice(1);
  let answer;
  try {
    // A name of the test stands for this machine.
    const address = `http://${value(/DomainName: (\S+)/).replace(/^localhost\..*$/, '127.0.0.1')}:${value(/Port: (\d+)/)}`;
    const seconds = Number(value(/OriginReadTimeout: (\d+)/));
    answer = await ask(address + target, { method: request.method, headers, signal: AbortSignal.timeout(seconds * 1000) });
  } catch {
    answer = { status: Number(code) };
  }
  if (answer.status === 502 || answer.status === 504) {
    const noted = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'max-age=0, private, no-store' };
    answer = { status: Number(page), headers: noted, body: fs.readFileSync(path.join(folder, shown.slice(1))) };
  }
  return { ...answer, headers: { ...answer.headers, 'access-control-allow-origin': '*' } };
}

function origin(request, key, site, types, folder) {
  const cors = { 'access-control-allow-origin': '*' };
  const found = open(site, key);
  if (!found) {
    const headers = { 'content-type': types.text, 'cache-control': 'max-age=0, private, no-store', ...cors };
    return { status: 404, headers, body: fs.readFileSync(path.join(folder, 'missing.txt')) };
  }
  const name = path.posix.basename(key);
  const extension = name.lastIndexOf('.') > 0 ? name.slice(name.lastIndexOf('.') + 1).toLowerCase() : '';
  const type = types.types['/' + key] || types.extensions[extension] || types.text;
  const headers = { 'content-type': type, 'accept-ranges': 'bytes', etag: `"${found.etag}"`, 'last-modified': found.uploaded.toUTCString(), ...cors };
  headers['cache-control'] = /^(?:documents\/|index\.json$)/.test(key) ? 'max-age=10, public' : 'max-age=600, public';
  const since = Date.parse(request.headers['if-modified-since'] || '');
  if (request.headers['if-none-match'] === headers.etag || Math.floor(found.uploaded / 1000) * 1000 <= since)
    return { status: 304, headers, body: Buffer.alloc(0) };
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range || ''), size = found.content.length;
  if (range) {
    const end = range[2] === '' ? size : Math.min(Number(range[2]) + 1, size), start = Number(range[1]);
    if (start >= size) return { status: 416, headers: { ...headers, 'content-range': `bytes */${size}` }, body: Buffer.alloc(0) };
    headers['content-range'] = `bytes ${start}-${end - 1}/${size}`;
    return { status: 206, headers, body: found.content.subarray(start, end) };
  }
  if (/^(?:text\/|application\/json|image\/svg)/.test(type)) {
    headers.vary = 'Accept-Encoding';
    if (/gzip/.test(request.headers['accept-encoding'] || '') && size >= 1000)
      return { status: 200, headers: { ...headers, 'content-encoding': 'gzip', etag: `W/${headers.etag}` }, body: zlib.gzipSync(found.content) };
  }
  return { status: 200, headers, body: found.content };
}

function main() {
  const [name, folder, site, typesFile, address] = process.argv.slice(2);
  const types = JSON.parse(fs.readFileSync(typesFile, 'utf8'));
  const answer = name === 'cloudflare' ? worker(folder, site) : distribution(folder, site, types);
  const server = http.createServer(async (request, response) => {
    let made;
    try {
      // The bytes of a request line that are no ASCII are UTF-8.
      made = await answer(request, Buffer.from(request.url, 'latin1').toString('utf8'));
    } catch (error) {
      console.error(error);
      made = { status: 599, headers: {}, body: Buffer.from(String(error)) };
    }
    if (made.status !== 204 && made.status !== 304 && !(request.method === 'HEAD' && made.headers['content-length']))
      made.headers['content-length'] = made.body.length;
    response.writeHead(made.status, made.headers);
    if (request.method === 'HEAD') response.end();
    else Readable.from([made.body]).pipe(response);
  });
  const [host, port] = address.split(':');
  server.listen(Number(port), host);
}

main();
