// Calls of the HTTP API, as the platform. Invariants: the platform key lives in memory only; every POST carries an
// Idempotency-Key, so that repeating it after a lost or a "later" answer changes nothing; amounts of money are read as
// BigInt, never through a float. What a refusal looks like is left to dom.js.

const ATTEMPTS_MAX = 3;
const RETRY_AFTER_SECONDS_MAX = 5;
const PAGE_LIMIT = 50;
const PAGES_MAX = 20;
/** Most characters that are shown of a refusal that is no problem document. */
const DETAIL_LENGTH_MAX = 300;

let platformKey = "";

/** A refusal or fault: what `application/problem+json` says. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? body.title ?? `The answer was ${status}.`);
    this.name = "Problem";
    this.status = status;
    this.code = body.code ?? String(status);
    this.errors = Array.isArray(body.errors) ? body.errors : [];
    this.correlationId = body.correlationId ?? null;
    this.body = body;
  }
}

/** Asks the local program for its key and clock. */
export async function loadSession() {
  const session = await read(await call("/local/session", {}));
  platformKey = session.platformKey;
  return session;
}

/** Turns the clock forward; answers when everything that fell due has been processed. */
export function turnClock(now) {
  return send("POST", "/local/clock", { body: JSON.stringify({ now }) });
}

/** Routes of the platform. */
export const platform = routes({});

/** Routes of one tenant; a call ends when `signal` does. */
export function forTenant(tenant, signal) {
  return routes({ tenant: tenant.id }, signal);
}

function routes(scope, signal) {
  const options = (query, body) => ({ query: { ...query, ...scope }, body, signal });
  const get = (path, query) => send("GET", path, options(query));
  return {
    get,
    post: (path, body) => send("POST", path, options({}, JSON.stringify(body))),
    /** For a body whose numbers must be sent digit by digit as they were typed. */
    postText: (path, text) => send("POST", path, options({}, text)),
    remove: (path) => send("DELETE", path, options({})),
    pages: (path, count) => pages(get, path, count),
    all: async (path) => (await pages(get, path, PAGES_MAX)).data,
  };
}

/** The first `count` pages of a list as one, and whether there are more. */
async function pages(get, path, count) {
  const data = [];
  let cursor = null;
  for (let page = 0; page < Math.min(count, PAGES_MAX); page += 1) {
    const answer = await get(path, { limit: PAGE_LIMIT, cursor });
    data.push(...answer.data);
    cursor = answer.nextCursor;
    if (cursor === null) break;
  }
  return { data, more: cursor !== null && count < PAGES_MAX };
}

async function send(method, path, { query = {}, body, signal }) {
  const headers = { authorization: `Bearer ${platformKey}` };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (method === "POST") headers["idempotency-key"] = crypto.randomUUID();
  for (let attempt = 1; ; attempt += 1) {
    const response = await call(path + search(query), { method, headers, body, signal });
    if (response.ok) return read(response);
    const problem = new Problem(response.status, await readProblem(response));
    if (attempt === ATTEMPTS_MAX || !isTransient(problem)) throw problem;
    await pause(retryAfter(response), signal);
  }
}

async function call(url, options) {
  try {
    return await fetch(url, { cache: "no-store", redirect: "error", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const detail = "The local program does not answer. Check that it still runs in its terminal.";
    throw new Problem(0, { code: "no_answer", detail });
  }
}

async function read(response) {
  const text = await response.text();
  if (!response.ok) throw new Problem(response.status, parsed(text) ?? {});
  return text === "" ? null : JSON.parse(text, exactMoney);
}

async function readProblem(response) {
  const text = await response.text();
  return parsed(text) ?? { detail: text.slice(0, DETAIL_LENGTH_MAX) || response.statusText };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Minor units become BigInt, from the digits as they were sent where the browser shows them. */
function exactMoney(key, value, context) {
  const isMoney = key.endsWith("Minor") && Number.isInteger(value);
  return isMoney ? BigInt(context?.source ?? value) : value;
}

function isTransient(problem) {
  return problem.status === 503 || problem.code === "idempotency_in_progress";
}

function retryAfter(response) {
  const seconds = Number(response.headers.get("retry-after"));
  return 1000 * Math.min(Math.max(seconds || 1, 1), RETRY_AFTER_SECONDS_MAX);
}

function search(query) {
  const present = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  return present.length === 0 ? "" : `?${new URLSearchParams(present)}`;
}

/** Waits, or ends at once with an AbortError when `signal` says so. */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(new DOMException("The view was left.", "AbortError"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    if (signal?.aborted) return abort();
    signal?.addEventListener("abort", abort, { once: true });
  });
}
