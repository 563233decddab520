// What a frame and the page around it say to each other, each only to the origin it expects.
const pageOrigin = decodeURIComponent(location.hash.slice(1));

export function tell(message) {
  if (pageOrigin) parent.postMessage(message, pageOrigin);
}

// `questions` maps a message's type to what answers it; an answer carries the id of its question.
export function listen(questions) {
  addEventListener('message', async (event) => {
    if (event.origin !== pageOrigin || event.source !== parent) return;
    const question = questions[event.data?.type];
    if (!question) return;
    const answer = await question(event.data);
    if (event.data.id) tell({type: 'answer', id: event.data.id, answer});
  });
  tell({type: 'loaded'});
}

// The sandbox answers these with 200 in any case, because a browser writes each 4xx to its console.
export async function call(path, parameters, method = 'POST') {
  const form = flat(parameters);
  const options = {method, headers: {'Sandbox-Quiet': '1'}};
  if (method === 'POST') options.body = form;
  try {
    const response = await fetch(method === 'GET' ? `${path}?${form}` : path, options);
    return await response.json();
  } catch {
    return {error: {type: 'api_connection_error', message: 'The sandbox did not answer.'}};
  }
}

export async function setupIntent({key, clientSecret}) {
  const path = `/v1/setup_intents/${clientSecret.split('_secret_')[0]}`;
  const intent = await call(path, {key, client_secret: clientSecret}, 'GET');
  return intent.error ? {error: intent.error} : {setupIntent: intent};
}

function flat(parameters, prefix = '', form = new URLSearchParams()) {
  for (const [name, value] of Object.entries(parameters)) {
    const path = prefix ? `${prefix}[${name}]` : name;
    if (value && typeof value === 'object') flat(value, path, form);
    else if (value !== undefined && value !== null && value !== '') form.append(path, value);
  }
  return form;
}
