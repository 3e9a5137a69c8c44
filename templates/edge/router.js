// Generated. The router of the edges: from a request to the file that answers it, or to the reason why none does.
// A function of the request, SETTINGS and the values of a key-value table; it reads nothing itself. begin() gives a
// decision, or a walk that asks for the value of its `key`; step() goes on with that value. Decisions are
// {status: 200, file, kind, document, key}, {status, text}, {status: 301, location} or {status} alone.
// Written for CloudFront's JavaScript runtime 2.0: ECMAScript 5.1 without closures over awaits.

// Bytes that no accepted value holds. A plus is the space it stands for; in versions its escape is a plus.
var IN_NAME = /[^{{ name }}]/, IN_WORD = /[^{{ word }}]/, IN_VERSION = /[^{{ version }}+]/, IN_FLAG = /[^{{ flag }}]/;
var IN_CAPABILITY = /[^{{ capability }}]/;
var BAD_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
// In njs a dollar also matches before a last line break, which a decoded path may hold: hence the other ends.
var PART = '(?:0|[1-9]\\d*|\\d*[A-Za-z-][0-9A-Za-z-]*)';
var REST = '(-' + PART + '(?:\\.' + PART + ')*)?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?(?![\\s\\S])';
var LOOSE = new RegExp('^v?(\\d+)(?:\\.(\\d+))?(?:\\.(\\d+))?' + REST);
var NUMBER = '(?:0|[1-9]\\d{0,18})';
var STRICT = new RegExp('^' + NUMBER + '\\.' + NUMBER + '\\.' + NUMBER + REST);
var TRUE = /^(?:1|t|T|TRUE|true|True)$/, FALSE = /^(?:0|f|F|FALSE|false|False)$/;
var MODES = ['latest', 'all', 'legacy', 'legacy-all'];

function refuse(status, text) { return { status: status, text: text }; }

function file(kind, path, document) { return { status: 200, kind: kind, file: path, document: document }; }

function unescaped(all, digits) { return String.fromCharCode(parseInt(digits, 16)); }

// What can be seen of a value without decoding it: plain, escaped, foreign (wrong in any spelling) or dropped (unread).
function spelling(value, foreign) {
  if (value.indexOf(';') >= 0 || BAD_ESCAPE.test(value)) return 'dropped';
  var decoded = value.replace(/\+/g, ' ').replace(/%(..)/g, unescaped);
  return foreign.test(decoded) ? 'foreign' : decoded === value ? 'plain' : 'escaped';
}

// The decoded path without dot segments and repeated slashes; null when it is malformed or leaves the root.
function clean(raw) {
  if (BAD_ESCAPE.test(raw)) return null;
  var path, segments = [], parts, i;
  try {
    path = decodeURIComponent(raw);
  } catch (error) {
    path = decodeURIComponent(raw.replace(/%[89A-Fa-f][0-9A-Fa-f]/g, '\ufffd'));
  }
  if (path[0] !== '/' || path.indexOf('\0') >= 0) return null;
  parts = path.split('/');
  for (i = 1; i < parts.length; i++) {
    if (parts[i] === '..') {
      if (!segments.length) return null;
      segments.pop();
    } else if (parts[i] && parts[i] !== '.') segments.push(parts[i]);
  }
  path = '/' + segments.join('/');
  return segments.length && ['', '.', '..'].indexOf(parts[parts.length - 1]) >= 0 ? path + '/' : path;
}

// The path as a URL and as a key: what could mean something else is escaped.
function encode(path) { return path.split('/').map(encodeURIComponent).join('/'); }

// What `/` is to browsers: pages where others get JSON.
function isForBrowsers(decision, path, accept) {
  return SETTINGS.pages && decision.kind === 'index' && !/\.json$/.test(path) && /text\/html/.test(accept) && !/application\/json/.test(accept);
}

function toPages() { return { status: 302, location: SETTINGS.prefix + '/ui/' }; }

function begin(method, rawPath, query) {
  if (method === 'OPTIONS') return { status: 204 };
  if (method !== 'GET' && method !== 'HEAD') return refuse(405, '{{ texts.no_method }}');
  var path = clean(rawPath), raw = query || '', parts;
  if (path === null) return refuse(400, 'bad request');
  if (SETTINGS.prefix) {
    if ((path + '/').indexOf(SETTINGS.prefix + '/') !== 0) return refuse(404, '{{ texts.no_route }}');
    path = path.slice(SETTINGS.prefix.length) || '/';
  }
  if (path === '/' || path === '/index.json') return file('index', '/index.json');
  if (path === '/index/packages.json') return file('versions', path);
  if (path === '/favicon.ico') return file('icon', path);
  if (path === '/health') return { status: 200 };
  if (path === '/search') return search(raw);
  if (path === '/categories') return categories(raw);
  if (path === '/search/' || path === '/categories/' || path === '/ui')
    return { status: 301, location: SETTINGS.prefix + (path === '/ui' ? '/ui/' : path.slice(0, -1)) + (raw && '?') + raw };
  if (path.indexOf('/ui/') === 0) {
    if (/[^\w.\/-]|\.gz$/.test(path)) return refuse(404, '{{ texts.no_route }}');
    return file('page', path + (path[path.length - 1] === '/' ? 'index.html' : ''));
  }
  if ((parts = /^\/package\/([^\/]+)\/([^\/]+)(?:\/([\s\S]*))?$/.exec(path))) return packaged(path, parts);
  if ((parts = /^\/epr\/[^\/]+\/(([a-z0-9_]+)-([^\/]+)\.zip(\.sig)?)(?![\s\S])/.exec(path))) {
    if (!isStrict(parts[3])) return refuse(400, '{{ texts.invalid_version }}');
    return file(parts[4] ? 'signature' : 'archive', '/epr/' + parts[2] + '/' + parts[1]);
  }
  return refuse(404, '{{ texts.no_route }}');
}

function packaged(path, parts) {
  if (!parts[3] && IN_NAME.test(parts[1])) return refuse(404, '{{ texts.no_route }}');
  if (!isStrict(parts[2])) return refuse(400, '{{ texts.invalid_version }}');
  var document = '/documents/' + parts[1] + '/' + parts[2] + '.json';
  if (!parts[3]) return file('document', document);
  if (path[path.length - 1] === '/') return refuse(404, '{{ texts.no_resource }}');
  return file('packaged', path, document);
}

function isStrict(text) { return text.length < 257 && STRICT.test(text); }

function first(query, name) {
  for (var i = 0; i < query.pairs.length; i++) if (query.pairs[i][0] === name) return query.pairs[i][1];
  return '';
}

function invalid(query, text) { if (!query.hidden) query.invalid = query.invalid || text; }

// Numbers as digits, true for a pre-release, undefined when it is absent or was not read.
function numbers(query, text, wrong) {
  var parts = text.length < 257 && LOOSE.exec(text), found = [], i;
  if (!parts) return invalid(query, wrong);
  for (i = 1; i < 4; i++) found.push((parts[i] || '0').replace(/^0+(?=\d)/, ''));
  if (found.some(function (digits) { return digits.length > 19; })) query.unread = true;
  else return parts[4] ? true : found;
}

function version(query, name, label) {
  var raw = first(query, name), seen = spelling(raw, IN_VERSION), text = raw.replace(/%2B/gi, '+');
  if (!raw) return;
  if (seen === 'dropped' || (seen === 'escaped' && text.indexOf('%') >= 0)) query.unread = true;
  else return numbers(query, seen === 'foreign' ? '' : text, 'invalid ' + label + " version '" + raw + "': invalid semantic version");
}

function spec(query, name) {
  var raw = first(query, name), seen = spelling(raw, IN_VERSION), wrong = "invalid '" + name + "' version: invalid ", found;
  if (!raw) return;
  if (seen === 'dropped' || seen === 'escaped') query.unread = true;
  else if (raw.split(/\.|%2E/i).length !== 2)
    invalid(query, wrong + "version '" + raw + "': it should be <major.version>");
  else {
    found = numbers(query, seen === 'plain' ? raw : '', wrong + "spec version '" + raw + "': invalid semantic version");
    if (found !== true) return found && found.slice(0, 2);
    query.unread = true;
  }
}

function flag(query, name) {
  var raw = first(query, name), seen = spelling(raw, IN_FLAG);
  if (seen === 'dropped' || seen === 'escaped') query.unread = true;
  else if (raw && !TRUE.test(raw) && !FALSE.test(raw)) invalid(query, "invalid '" + name + "' query param: '" + raw + "'");
  return TRUE.test(raw);
}

// The known capabilities of the request and their label: all that a row may name. An absent list is like one of all.
function capabilities(query) {
  var raw = first(query, 'capabilities'), list = raw.split(/,|%2C/i), all = SETTINGS.capabilities, words = [];
  if (raw && (SETTINGS.usual ? spelling(raw, IN_CAPABILITY) === 'dropped' || list.some(isHidden) : /[^\w.,-]/.test(list.join())))
    query.unread = true;
  all.forEach(function (known) { if (!raw || list.indexOf(known[0]) >= 0) words.push(known[1]); });
  return words.concat(words.length === all.length ? 'any' : '-' + words.join('-'));
}

function isHidden(element) { return spelling(element, IN_CAPABILITY) === 'escaped'; }

// Whether there is a `discovery`.
function discovery(query) {
  var found = false;
  query.pairs.forEach(function (pair) {
    if (pair[0] !== 'discovery') return;
    found = true;
    if (/^(?:fields|datasets)(?::|%3[Aa])/.test(pair[1])) return;
    if (/[%;]/.test(pair[1])) query.unread = true;
    else invalid(query, "invalid 'discovery' query param: '" + pair[1] + "'");
  });
  return found;
}

// What both lists share. The fields of a request are named as the axes in the table.
function read(raw) {
  var query = { unread: raw.indexOf(';') >= 0 };
  query.pairs = raw.split('&').map(function (pair) {
    var at = pair.indexOf('=');
    return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
  });
  query.hidden = query.pairs.some(function (pair) { return pair[0].indexOf('%') >= 0; });
  if (query.hidden) query.unread = true;
  query.k = version(query, 'kibana.version', 'Kibana');
  query.a = version(query, 'agent.version', 'agent');
  query.m = spec(query, 'spec.min');
  query.x = spec(query, 'spec.max');
  query.c = capabilities(query);
  query.p = flag(query, 'prerelease');
  query.mode = flag(query, 'experimental') ? 2 : 0;
  if (discovery(query) && !query.mode) query.refused = true;
  return query;
}

// Gives the key of a filter, '-' for what no package has, '' for what is absent.
function word(query, name, foreign, unkeyed) {
  var raw = first(query, name), seen = spelling(raw, foreign);
  if (!raw) return '';
  if (seen === 'plain' && /^[^.].{0,127}$/.test(raw)) return name + '/' + raw;
  if (seen === 'dropped' || seen === 'escaped' || unkeyed) query.unread = true;
  return '-';
}

function search(raw) {
  var query = read(raw), all = flag(query, 'all'), given;
  given = [
    word(query, 'package', IN_NAME, false),
    word(query, 'category', IN_WORD, SETTINGS.unkeyed.categories),
    word(query, 'type', IN_WORD, SETTINGS.unkeyed.types)
  ].filter(Boolean);
  if (given.length > 1 || (all && /^[ct]/.test(given[0]))) query.refused = true;
  if (all) query.mode++;
  return walk(query, given[0] || 'list', '/answers/empty');
}

function categories(raw) {
  var query = read(raw);
  return walk(query, flag(query, 'include_policy_templates') ? 'categories-templates' : 'categories', '/answers/empty-categories');
}

function walk(query, key, empty) {
  if (query.invalid) return refuse(400, query.invalid);
  if (query.unread) return refuse(501, '{{ texts.unread }}');
  if (query.refused) return refuse(501, '{{ texts.filters }}');
  query.subject = query.key = key;
  query.empty = empty;
  return key === '-' ? unknown(query) : query;
}

// A mode without its own subjects was not computed at all, so even an unknown name has no known answer in it.
function unknown(query) {
  var isWhole = /^[lc][^/]+$/.test(query.subject);
  return end(query, isWhole || SETTINGS.modes.indexOf(MODES[query.mode]) < 0 ? '!' : '-');
}

function end(query, link) {
  if (link === '!') return refuse(501, '{{ texts.unpublished }}');
  if (link === '-') return file('answer', query.empty + '.json');
  if (link[0] === '/') return file('answer', link + '.json');
  return file('answer', '/answers/' + query.subject.replace(/-templates$/, '') + '/' + link + '.json');
}

// One value of the table, undefined when it has none: pieces between bars, the first of them the links of the modes,
// the others nodes. A link is `*piece` or `*value.piece`, or an end.
function step(query, value) {
  var isStart = query.at === undefined, pieces, link, at;
  if (value === undefined) return isStart ? unknown(query) : refuse(500, '{{ texts.broken }}');
  pieces = value.split('|');
  link = isStart ? pieces[0].split(' ')[query.mode] : '*' + query.at;
  if (link === '.') return unknown(query);
  while (link && link[0] === '*') {
    at = link.slice(1).split('.');
    if (at.length > 1) {
      query.key = query.subject + ':' + at[0];
      query.at = at[1];
      return query;
    }
    link = follow(query, (pieces[at[0]] || '').split(' '));
  }
  return link && link !== '?' ? end(query, link) : refuse(500, '{{ texts.broken }}');
}

// The link of a node for a request.
function follow(query, fields) {
  var axis = fields[0], value = query[axis], low, high, middle, isUpper = axis === 'm';
  if (axis === 'p') return fields[value ? 2 : 1];
  if (axis === 'c') {
    for (middle = 2; middle < fields.length; middle += 2) if (value.indexOf(fields[middle]) >= 0) return fields[middle + 1];
    return fields[1];
  }
  if (!value) return fields[1];
  if (value === true) return fields[2];
  // Links of numbers: the first, then bounds with the links from there on. A lower bound on specs changes behind them.
  fields = fields.slice(axis === 'k' || axis === 'a' ? 3 : 2);
  low = 0;
  high = (fields.length - 1) / 2;
  while (low < high) {
    middle = (low + high + 1) >> 1;
    if (compare(value, fields[2 * middle - 1]) >= (isUpper ? 1 : 0)) low = middle;
    else high = middle - 1;
  }
  return fields[2 * low];
}

// Numbers against a bound, whose last zeros are left out. Digits count as numbers, whatever their size.
function compare(numbers, bound) {
  var parts = bound.split('.'), i, part;
  for (i = 0; i < numbers.length; i++) {
    part = parts[i] || '0';
    if (numbers[i] !== part) return numbers[i].length - part.length || (numbers[i] < part ? -1 : 1);
  }
  return 0;
}
