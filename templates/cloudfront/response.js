// Generated. The viewer-response function of a generation with debug headers: says which object the answer is.
function handler(event) {
  var route = event.request.headers['x-epr-route'];
  if (route) event.response.headers['x-epr-route'] = { value: route.value };
  return event.response;
}
