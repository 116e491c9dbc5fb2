// Plays scenarios through the official TypeScript SDK and prints what it saw, as JSON lines on stdout.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { url, key, modules, scenarios } = JSON.parse(await read(process.stdin));
const resolve = createRequire(modules + "/").resolve;
const { default: Anthropic } = await import(pathToFileURL(resolve("@anthropic-ai/sdk")).href);
const client = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });

async function read(stream) {
  let text = "";
  for await (const chunk of stream) text += chunk;
  return text;
}

async function play(scenario) {
  const agent = await client.beta.agents.create(scenario.agent);
  const environment = await client.beta.environments.create({ name: scenario.name });
  const session = await client.beta.sessions.create({
    agent: agent.id, environment_id: environment.id, ...scenario.session,
  });
  const stream = await client.beta.sessions.events.stream(session.id, scenario.stream);
  const events = stream[Symbol.asyncIterator]();
  const steps = [];
  const stamped = [];
  let asked = [];
  for (const step of scenario.steps) {
    const send = JSON.parse(JSON.stringify(step.send), (_, value) =>
      typeof value === "string" && /^@\d$/.test(value) ? asked[Number(value[1])] : value);
    await client.beta.sessions.events.send(session.id, { events: send });
    const seen = [];
    for (;;) {
      const { value: event, done } = await events.next();
      if (done) throw new Error(`${scenario.name}: the stream ended early`);
      seen.push(event);
      if (event.id && event.processed_at) stamped.push(event.id);
      if (event.type === step.until) break;
      if (!step.until && event.type === "session.status_idle") break;
    }
    const stop = seen.at(-1).stop_reason ?? null;
    asked = stop?.event_ids ?? [];
    steps.push({
      texts: seen.filter((event) => event.type === "agent.message").map((event) => event.content[0].text),
      stop: stop?.type ?? null, asks: asked.length, types: [...new Set(seen.map((event) => event.type))],
    });
  }
  stream.controller.abort();
  const listed = [];
  for await (const event of client.beta.sessions.events.list(session.id, { limit: 3 })) listed.push(event.id);
  const threads = [];
  for await (const thread of client.beta.sessions.threads.list(session.id)) threads.push(thread.status);
  const after = await client.beta.sessions.retrieve(session.id);
  return {
    name: scenario.name, steps, complete: JSON.stringify(listed) === JSON.stringify(stamped), threads,
    outcomes: after.outcome_evaluations.map((outcome) => outcome.result), status: after.status,
  };
}

for (const scenario of scenarios) console.log(JSON.stringify(await play(scenario)));

try {
  await client.beta.sessions.retrieve("sesn_missing");
} catch (error) {
  console.log(JSON.stringify({ name: "not found", kind: error.constructor.name, status: error.status }));
}
try {
  await client.beta.agents.create({ name: "x", model: "m", colour: "red" });
} catch (error) {
  console.log(JSON.stringify({ name: "unknown field", kind: error.constructor.name, status: error.status }));
}
