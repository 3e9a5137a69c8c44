// Generated. The viewer-request function: rewrites a request to the object that answers it, or answers itself.
import cf from 'cloudfront';

var SETTINGS = {{ settings }};

{{ router }}

var TABLE = cf.kvs();

// A key that is not there is an error like any other, so an error alone says nothing. The runtime takes `await` in
// simple statements only.
async function lookUp(key) {
  var value, failure, isThere;
  try {
    value = await TABLE.get(key);
  } catch (error) {
    failure = error;
  }
  if (failure) {
    isThere = await TABLE.exists(key);
    if (isThere) throw failure;
  }
  return value;
}

function respond(decision) {
  var headers = { 'access-control-allow-origin': { value: '*' } };
  var response = { statusCode: decision.status, headers: headers };
  if (decision.location) headers.location = { value: decision.location };
  if (decision.status === 302) {
    headers['cache-control'] = { value: 'max-age=0, private, no-store' };
    headers.vary = { value: 'Accept' };
  }
  if (decision.status === 204) {
    headers['access-control-allow-methods'] = { value: 'GET, HEAD, OPTIONS' };
    headers['access-control-allow-headers'] = { value: '*' };
  }
  if (decision.status === 405) headers.allow = { value: 'GET, HEAD, OPTIONS' };
  if (decision.text) {
    headers['content-type'] = { value: 'text/plain; charset=utf-8' };
    headers['cache-control'] = { value: 'max-age=0, private, no-store' };
    headers['x-content-type-options'] = { value: 'nosniff' };
    response.body = decision.text + '\n';
  }
  return response;
}

async function handler(event) {
  var request = event.request, decision, value;
  try {
    decision = begin(request.method, request.uri, request.rawQueryString());
    value = request.headers.accept;
    if (value && isForBrowsers(decision, request.uri, value.value)) decision = toPages();
    while (decision.key) {
      value = await lookUp(decision.key);
      decision = step(decision, value);
    }
    // A compressed copy beside a file is no file of the package.
    if (decision.kind === 'packaged' && decision.file.slice(-3) === '.gz') {
      value = await lookUp('=' + encode(decision.file));
      if (value === undefined) decision = refuse(404, '{{ texts.no_resource }}');
    }
  } catch (error) {
    decision = refuse(500, '{{ texts.broken }}');
  }
{%- if computes %}
  // What the table does not hold goes to the fallback as it came: the origin of that name says by which generation.
  if (decision.status === 501) {
    cf.selectRequestOriginById('fallback');
    return request;
  }
{%- endif %}
  if (!decision.file) return respond(decision);
  request.uri = encode(decision.file);
  request.querystring = {};
{%- if debug_header %}
  request.headers['x-epr-route'] = { value: request.uri };
{%- endif %}
  return request;
}
