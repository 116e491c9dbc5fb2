// Plays scenarios through the official TypeScript SDK and tells what it saw, as JSON lines on stdout; see play.py.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { url, key, modules, scenarios } = JSON.parse(await read(process.stdin));
const { default: Anthropic, BadRequestError, toFile } = await load("@anthropic-ai/sdk");
const { accumulateManagedAgentsEvent } = await load("@anthropic-ai/sdk/lib/sessions/accumulate");
const { beta } = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });

async function load(name) {
  return import(pathToFileURL(createRequire(modules + "/").resolve(name)).href);
}

async function read(stream) {
  let text = "";
  for await (const chunk of stream) text += chunk;
  return text;
}

async function all(pages) {
  const items = [];
  for await (const item of await pages) items.push(item);
  return items;
}

async function play(scenario) {
  const agent = await beta.agents.create(scenario.agent);
  const environment = await beta.environments.create({ name: scenario.name });
  const session = await beta.sessions.create({
    agent: agent.id, environment_id: environment.id, ...scenario.session, ...await furnish(scenario),
  });
  const log = await logOf(session, scenario.watch);
  const stream = await log.stream(scenario.stream);
  const [steps, streamed] = await follow(session, stream, scenario.steps);
  stream.controller.abort();
  const listed = await all(log.list({ limit: 3 }));
  const after = await beta.sessions.retrieve(session.id);
  return {
    steps, status: after.status,
    streamed: streamed.filter((event) => event.id && event.processed_at).map((event) => event.id),
    listed: listed.map((event) => event.id),
    threads: await threads(session),
    outcomes: after.outcome_evaluations.map((outcome) => outcome.result),
    files: await files(session),
    ...await memories(after),
    answers: text([session, after, ...streamed, ...listed, ...await credentials(after)]),
  };
}

// Files, a memory store and a vault with what the scenario has of each, as a session takes them.
async function furnish(scenario) {
  const given = { resources: [], vault_ids: [] };
  for (const [name, content] of Object.entries(scenario.files)) {
    const file = await beta.files.upload({ file: await toFile(Buffer.from(content), name) });
    given.resources.push({ type: "file", file_id: file.id, mount_path: `/${name}` });
  }
  if (Object.keys(scenario.memories).length) {
    const store = await beta.memoryStores.create({ name: "notes" });
    given.resources.push({ type: "memory_store", memory_store_id: store.id });
    for (const [path, content] of Object.entries(scenario.memories)) {
      await beta.memoryStores.memories.create(store.id, { path, content });
    }
  }
  if (Object.keys(scenario.variables).length) {
    const vault = await beta.vaults.create({ display_name: "keys" });
    given.vault_ids.push(vault.id);
    for (const [name, secret] of Object.entries(scenario.variables)) {
      const auth = { type: "environment_variable", secret_name: name, secret_value: secret };
      await beta.vaults.credentials.create(vault.id, { auth: { ...auth, networking: { type: "unrestricted" } } });
    }
  }
  return given;
}

// The events of a session, or of its first thread.
async function logOf(session, watch) {
  if (watch === "session") {
    const { events } = beta.sessions;
    return { stream: (options) => events.stream(session.id, options), list: (options) => events.list(session.id, options) };
  }
  const [{ id }] = await all(beta.sessions.threads.list(session.id));
  const { events } = beta.sessions.threads;
  const path = { session_id: session.id };
  return {
    stream: (options) => events.stream(id, { ...path, ...options }), list: (options) => events.list(id, { ...path, ...options }),
  };
}

// What each step showed, and all events that the stream brought.
async function follow(session, stream, steps) {
  const events = stream[Symbol.asyncIterator]();
  const shown = [];
  const streamed = [];
  let asked = [];
  for (const step of steps) {
    await beta.sessions.events.send(session.id, { events: filled(step.send, asked) });
    const seen = [];
    do {
      const { value, done } = await events.next();
      if (done) throw new Error("the stream ended early");
      seen.push(value);
    } while (seen.at(-1).type !== step.until);
    const stop = seen.at(-1).stop_reason ?? null;
    asked = stop?.event_ids ?? [];
    streamed.push(...seen);
    shown.push({
      texts: seen.filter((event) => event.type === "agent.message").map((event) => event.content[0].text),
      previews: previews(seen),
      stop: stop?.type ?? null, asks: asked.length, types: [...new Set(seen.map((event) => event.type))],
    });
  }
  return [shown, streamed];
}

function filled(send, asked) {
  return JSON.parse(JSON.stringify(send), (_, value) =>
    typeof value === "string" && /^@\d$/.test(value) ? asked[Number(value[1])] : value);
}

// What the SDK's helper had put together of each message by the time it came whole.
function previews(seen) {
  const whole = [];
  let accumulated;
  for (const event of seen) {
    if (event.type === "agent.message" && accumulated?.id === event.id) {
      whole.push(accumulated.content.map((block) => block.text).join(""));
    }
    accumulated = accumulateManagedAgentsEvent(accumulated, event);
  }
  return whole;
}

async function threads(session) {
  const path = { session_id: session.id };
  const listed = await all(beta.sessions.threads.list(session.id));
  return Promise.all(listed.map(async ({ id }) => (await beta.sessions.threads.retrieve(id, path)).status));
}

// The bytes of each file of the session, in hexadecimal digits; null of one that cannot be downloaded.
async function files(session) {
  const found = {};
  for (const file of await all(beta.files.list({ scope_id: session.id }))) {
    try {
      const content = await (await beta.files.download(file.id)).arrayBuffer();
      found[file.filename] = Buffer.from(content).toString("hex");
    } catch (error) {
      if (!(error instanceof BadRequestError)) throw error;
      found[file.filename] = null;
    }
  }
  return found;
}

// What the session's memory stores hold, and every version with its author, the oldest first.
async function memories(session) {
  const held = {};
  const versions = [];
  for (const { type, memory_store_id: store } of session.resources) {
    if (type !== "memory_store") continue;
    for (const { path, content } of await all(beta.memoryStores.memories.list(store, { view: "full" }))) held[path] = content;
    for (const version of await all(beta.memoryStores.memoryVersions.list(store))) {
      versions.unshift([version.operation, version.path, version.created_by.type]);
    }
  }
  return { memories: held, versions };
}

// Every answer about the session's vaults.
async function credentials(session) {
  const found = [];
  for (const vault of session.vault_ids) {
    const listed = await all(beta.vaults.credentials.list(vault));
    found.push(await beta.vaults.retrieve(vault), ...listed);
    for (const { id } of listed) found.push(await beta.vaults.credentials.retrieve(id, { vault_id: vault }));
  }
  return found;
}

function text(answers) {
  return answers.map((answer) => JSON.stringify(answer)).join("\n");
}

async function refused(request) {
  try {
    await request;
  } catch (error) {
    return { kind: error.constructor.name, status: error.status };
  }
}

for (const scenario of scenarios) console.log(JSON.stringify(await play(scenario)));
console.log(JSON.stringify(await refused(beta.sessions.retrieve("sesn_missing"))));
console.log(JSON.stringify(await refused(beta.agents.create({ name: "x", model: "m", colour: "red" }))));
