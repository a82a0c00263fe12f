// The sample: three meters on one event type, a plan that prices them, a tenant, and random events. Each step first
// looks for what an earlier run has made, so that a sample that broke off is completed by asking again.

import { forTenant, platform } from "./api.js";
import { civilDate, rfc3339, windowStart } from "./time.js";

const EVENT_TYPE = "request";
const PLAN = "sample";
const RANDOM_EVENTS = 100;
const RANDOM_ADDRESSES = 40;
/** A random event carries 200 bytes times a power of two up to this: many small ones, some of 200 kB. */
const RANDOM_DOUBLINGS_MAX = 10;

const METERS = [
  { slug: "requests", name: "Requests", eventType: EVENT_TYPE, aggregation: "count" },
  { slug: "bytes", name: "Bytes sent", eventType: EVENT_TYPE, aggregation: "sum", valuePath: "$.bytes" },
  {
    slug: "addresses",
    name: "Client addresses",
    eventType: EVENT_TYPE,
    aggregation: "uniqueCount",
    valuePath: "$.address",
  },
];

const SAMPLE_PLAN = {
  slug: PLAN,
  name: "Sample plan",
  currency: "USD",
  baseFeeMinor: 1900,
  prices: [
    {
      key: "requests",
      name: "Requests",
      meter: "requests",
      included: "10",
      model: {
        type: "graduated",
        tiers: [
          { upTo: "50", unitPrice: "0.05" },
          { upTo: "1000", unitPrice: "0.03" },
          { upTo: null, unitPrice: "0.01" },
        ],
      },
    },
    {
      key: "bytes",
      name: "Bytes sent",
      meter: "bytes",
      included: "100000",
      model: { type: "perUnit", unitPrice: "0.000001" },
    },
    {
      key: "addresses",
      name: "Client addresses",
      meter: "addresses",
      included: "5",
      model: { type: "perUnit", unitPrice: "0.25" },
    },
  ],
};

const SAMPLE_TENANT = {
  slug: "acme",
  name: "Acme Corp",
  email: "billing@acme.example",
  address: ["1 Example Road", "Springfield", "United States"],
  timeZone: "UTC",
};

/** The sample's event type and data, as a stranger's first event. */
export const FIRST_EVENT = { type: EVENT_TYPE, data: { bytes: 5120, address: "203.0.113.7" } };

/** Creates the meters and the plan, unless they exist, and subscribes the tenant from the first of its month. */
export async function subscribeToSample(tenant, now) {
  for (const meter of METERS) await create("/v1/meters", meter);
  await create("/v1/plans", SAMPLE_PLAN);
  const month = windowStart(Number(now), "month", tenant.timeZone);
  const body = { plan: PLAN, startsOn: civilDate(month, tenant.timeZone) };
  return forTenant(tenant).post("/v1/subscriptions", body);
}

/** Everything at once: tenant, meters, plan, subscription, events over the month so far; and how many were taken. */
export async function sampleTenant(now) {
  const tenant = await create("/v1/tenants", SAMPLE_TENANT);
  const api = forTenant(tenant);
  if ((await api.all("/v1/subscriptions")).length === 0) await subscribeToSample(tenant, now);
  const from = windowStart(Number(now), "month", tenant.timeZone);
  const answer = await api.post("/v1/usage/events", { events: randomEvents(EVENT_TYPE, from, Number(now)) });
  return { tenant, accepted: answer.accepted };
}

async function create(path, body) {
  const existing = (await platform.all(path)).find((one) => one.slug === body.slug);
  return existing ?? platform.post(path, body);
}

/** Events spread evenly at random over a stretch of time. */
export function randomEvents(type, from, to) {
  return Array.from({ length: RANDOM_EVENTS }, () => ({
    id: crypto.randomUUID(),
    type,
    time: rfc3339(from + Math.floor(Math.random() * (to - from))),
    data: {
      bytes: Math.round(200 * 2 ** (Math.random() * RANDOM_DOUBLINGS_MAX)),
      address: `203.0.113.${1 + Math.floor(Math.random() * RANDOM_ADDRESSES)}`,
    },
  }));
}
