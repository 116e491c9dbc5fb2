// The TypeScript SDK's own helpers for sessions, each told by what it did; see runners.py.
import { readFile, readdir, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

const { url, key, modules, helper, given } = JSON.parse(await read(process.stdin));
const { default: Anthropic } = await load("@anthropic-ai/sdk");
const { betaTool } = await load("@anthropic-ai/sdk/helpers/beta/json-schema");
const { ToolError } = await load("@anthropic-ai/sdk/lib/tools/ToolError");
const { betaAgentToolset20260401, setupSkills } = await load("@anthropic-ai/sdk/tools/agent-toolset/node");
const client = new Anthropic({ baseURL: url, apiKey: key });
const { sessions, environments } = client.beta;

const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

async function load(name) {
  return import(pathToFileURL(createRequire(modules + "/").resolve(name)).href);
}

async function read(stream) {
  let text = "";
  for await (const chunk of stream) text += chunk;
  return text;
}

// One of each kind of content.
const shown = [
  { type: "text", text: "one pixel" },
  { type: "image", source: { type: "base64", media_type: "image/png", data: PIXEL } },
  { type: "document", title: "Note", source: { type: "text", media_type: "text/plain", data: "a note" } },
  {
    type: "search_result", source: "a-shelf", title: "Hit", citations: { enabled: true },
    content: [{ type: "text", text: "a hit" }],
  },
];
const tools = [
  tool("add", "Adds two numbers.", ({ a, b }) => String(a + b)),
  tool("show", "Shows one of each kind of content.", async () => shown),
  tool("fail", "Does not work.", () => { throw new ToolError("out of paper"); }),
];

function tool(name, description, run) {
  return betaTool({ name, description, inputSchema: { type: "object" }, run });
}

const helpers = {
  // The calls that a session's tool runner met until it ended by itself.
  async tool_runner({ session, max_idle }) {
    return calls(sessions.events.toolRunner(session, { tools, maxIdleMs: (max_idle ?? 0) * 1000 }));
  },

  // The same with the tools of the agent toolset, in a folder.
  async toolset_runner({ session, workdir }) {
    return calls(sessions.events.toolRunner(session, { tools: betaAgentToolset20260401({ workdir }), maxIdleMs: 100 }));
  },

  // The files of a session's skills below a folder, each with its text and whether it can be executed.
  async skills({ session, workdir }) {
    await setupSkills({ client, workdir, session: await sessions.retrieve(session) });
    const files = (await readdir(workdir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const paths = files.map((file) => join(file.parentPath, file.name));
    return Object.fromEntries(await Promise.all(paths.map(async (path) => [
      relative(workdir, path), [await readFile(path, "utf8"), Boolean((await stat(path)).mode & 0o100)],
    ])));
  },

  // With the key of an environment, work as long as anything of its work is not stopped.
  async worker({ environment, workdir }) {
    const stop = new AbortController();
    const worker = environments.work.worker({ environmentId: environment, environmentKey: key, workdir, maxIdleMs: 100 });
    const running = worker.run(stop.signal);
    while ((await environments.work.list(environment)).data.some((item) => item.state !== "stopped")) await sleep(50);
    stop.abort();
    await running;
  },

  // With the key of an environment, take all that is queued; each item goes to a worker that has only its secret.
  async poller({ environment, workdir }) {
    const worker = environments.work.worker({ workdir, maxIdleMs: 100 });
    const queued = { environmentId: environment, environmentKey: key, drain: true, autoStop: false };
    for await (const item of environments.work.poller(queued)) {
      await worker.handleItem({
        workId: item.id, environmentId: environment, sessionId: item.data.id, workSecret: item.secret,
      });
    }
  },
};

async function calls(runner) {
  const told = [];
  for await (const { name, posted, isError, confirmation } of runner) {
    told.push([name, { posted, is_error: isError, confirmation: confirmation ?? null }]);
  }
  return told;
}

console.log(JSON.stringify((await helpers[helper](given)) ?? null));
