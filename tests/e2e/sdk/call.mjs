// Calls operations through the official TypeScript SDK: a line of JSON on stdin for each, and a line on stdout.
// The first line has the server and its key; see typescript.py for the others.
import { File } from "node:buffer";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { url, key, modules } = JSON.parse((await lines.next()).value);
const { default: Anthropic, APIError } = await import(
  pathToFileURL(createRequire(modules + "/").resolve("@anthropic-ai/sdk")).href);
const client = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0, timeout: 20_000 });
let stream;
let events;

// The property of a dotted name in words with underscores: environments.work, memory_stores.memory_versions.redact.
function found(resource, word) {
  const wanted = word.replaceAll("_", "");
  for (let at = resource; at; at = Object.getPrototypeOf(at)) {
    const name = Object.getOwnPropertyNames(at).find((name) => name.toLowerCase() === wanted);
    if (name) return name;
  }
  throw new Error(`the SDK has no ${word}`);
}

async function call({ name, path, given }) {
  const words = name.split(".");
  const resource = words.slice(0, -1).reduce((at, word) => at[found(at, word)], client.beta);
  return resource[found(resource, words.at(-1))](...path, ...(Object.keys(given).length ? [given] : []));
}

async function told(result) {
  if (result instanceof Response) return { bytes: Buffer.from(await result.arrayBuffer()).toString("base64") };
  if (result?.controller instanceof AbortController) {
    stream = result;
    events = stream[Symbol.asyncIterator]();
    return {};
  }
  return { answer: result?.getPaginatedItems ? result.body : result };
}

async function answer(request) {
  if (request.next) return { answer: (await events.next()).value };
  if (request.close) return stream.controller.abort(), {};
  try {
    return await told(await call(request));
  } catch (error) {
    if (!(error instanceof APIError)) throw error;
    return { refused: error.status };
  }
}

function revived(_, value) {
  if (!value?.$file) return value;
  const [name, content, type] = value.$file;
  return new File([Buffer.from(content, "base64")], name, { type });
}

for await (const line of lines) console.log(JSON.stringify(await answer(JSON.parse(line, revived))));
