// Generated. The viewer-response function: what browsers may do with an answer, by the object that it is.
function handler(event) {
  var uri = event.request.uri, response = event.response, headers = response.headers;
{%- if debug_header %}
  var route = event.request.headers['x-epr-route'];
  if (route) headers['x-epr-route'] = { value: route.value };
{%- endif %}
  if (response.statusCode >= 300) return response;
  if (uri === '/index.json') headers.vary = { value: 'Accept-Encoding, Accept' };
  // What packages bring along is not ours: an SVG or HTML file that is opened by itself runs nothing.
  if (uri.indexOf('/package/') === 0) headers['content-security-policy'] = { value: "{{ sandbox }}" };
  if (uri.indexOf('/ui/') === 0) {
    headers['content-security-policy'] = { value: "{{ policy }}" };
    headers['referrer-policy'] = { value: 'no-referrer' };
  }
  if (headers['content-security-policy']) headers['x-content-type-options'] = { value: 'nosniff' };
  return response;
}
