// Requests to the server this page came from, with the token, if there is one.

const KEPT = "elman-token";

export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export function keepToken(token) {
  sessionStorage.setItem(KEPT, token);
}

export async function ask(path, options = {}) {
  const token = sessionStorage.getItem(KEPT);
  const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  const response = await reach(path, { ...options, headers });
  if (!response.ok) {
    const said = await response.json().catch(() => ({}));
    throw new Refused(response.status, said.error || `The server answered ${response.status}.`);
  }
  return response;
}

// A connection can break for a moment, so it is tried twice; asking again changes nothing.
async function reach(path, options, tries = 2) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (tries === 1) throw new Refused(0, "The server does not answer. Is it running?");
    await new Promise((done) => setTimeout(done, 300));
    return reach(path, options, tries - 1);
  }
}

const json = (body) => ({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export async function predict(model, rows, options = {}, signal = undefined) {
  const response = await ask(`/v1/models/${model.name}/predict`, { ...json({ rows, options }), signal });
  return (await response.json()).answers;
}

export async function predictFile(model, file, options = {}) {
  const body = new FormData();
  body.append("file", file, file.name || "file");
  for (const [name, value] of Object.entries(options)) body.append(name, String(value));
  return (await (await ask(`/v1/models/${model.name}/predict`, { method: "POST", body })).json()).answers;
}

// The pieces of a text, as they are written.
export async function* write(model, options, signal) {
  const response = await ask(`/v1/models/${model.name}/generate`, { ...json(options), signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const data = JSON.parse(block.slice(block.indexOf("data: ") + 6));
      if (data.error) throw new Refused(503, data.error);
      if (data.text) yield data.text;
    }
  }
}
