// Sends test events and shows what became of each, beside what has been counted so far.

import { Problem, platform } from "./api.js";
import { badge, button, empty, field, form, h, keepFresh, redraw, section, table } from "./dom.js";
import { decimal, period, plural } from "./format.js";
import { FIRST_EVENT, randomEvents } from "./sample.js";
import { rfc3339, windowStart } from "./time.js";

const COUNTED_EVERY_MS = 1500;
const RESULTS_SHOWN_MAX = 10;
const TONES = { accepted: "good", duplicate: null, rejected: "bad", retry: "wait" };

export async function show(context) {
  const { root, signal, api, zone } = context;
  const [meters, subscriptions, now] = await Promise.all([
    platform.all("/v1/meters"),
    context.subscriptions,
    context.now(),
  ]);
  if (signal.aborted) return;
  const range = countedRange(subscriptions, now, zone);
  const results = h("div", { class: "results", "aria-live": "polite" });
  const counted = h("div", { class: "counted" });
  const sendBody = (body) => sendEvents(api, results, body);

  redraw(
    root,
    h(
      "div",
      { class: "beside" },
      section(
        "Send a test event",
        null,
        meters.length === 0 && noMeters(context),
        eventForm(context, meters, range, sendBody),
        results,
      ),
      meters.length > 0 && section("Counted so far", null, h("p", { class: "muted" }, range.label), counted),
    ),
  );

  const totalOf = (meter) =>
    api.get("/v1/usage", { meter: meter.slug, from: rfc3339(range.from), to: rfc3339(range.to) });
  if (meters.length > 0) {
    const load = () => Promise.all(meters.map(totalOf));
    keepFresh(signal, counted, load, (totals) => countedList(counted, meters, totals), COUNTED_EVERY_MS);
  }
}

/** The current billing period, or the month where nothing is subscribed. */
function countedRange(subscriptions, now, zone) {
  if (subscriptions.length > 0) {
    const { start, end } = subscriptions[0].currentPeriod;
    return { from: Date.parse(start), to: Date.parse(end), label: `In the period ${period({ start, end }, zone)}` };
  }
  const from = windowStart(now, "month", zone);
  return { from, to: windowStart(now, "month", zone, 1), label: "This month" };
}

function noMeters({ go }) {
  return empty(
    "No meter reads events yet",
    "Events that no meter picks are refused. Set up the sample on the overview first.",
    button("Go to overview", () => go("overview"), { class: "button primary" }),
  );
}

function eventForm(context, meters, range, sendBody) {
  const types = [...new Set(meters.map((meter) => meter.eventType))];
  const type = h("input", {
    name: "type",
    required: true,
    list: "event-types",
    autocomplete: "off",
    value: types.includes(FIRST_EVENT.type) ? FIRST_EVENT.type : (types[0] ?? FIRST_EVENT.type),
  });
  const data = h(
    "textarea",
    { name: "data", rows: 5, spellcheck: "false", class: "code" },
    JSON.stringify(FIRST_EVENT.data, null, 2),
  );
  data.addEventListener("input", () =>
    data.setCustomValidity(isObject(data.value) ? "" : 'Write a JSON object, such as {"bytes": 1}.'),
  );
  const sendOne = async (values) => {
    const time = values.time || rfc3339(await context.now());
    const head = JSON.stringify({ id: values.id || crypto.randomUUID(), type: values.type, time });
    // The data goes out as it was typed: parsing it would round the numbers that a float cannot hold.
    await sendBody(`{"events":[${head.slice(0, -1)},"data":${values.data}}]}`);
  };
  const sendRandom = button("Send 100 random", async () => {
    const now = await context.now();
    const from = Math.min(range.from, now);
    await sendBody(JSON.stringify({ events: randomEvents(type.value.trim(), from, now) }));
  });
  return form(
    { class: "panel" },
    sendOne,
    h(
      "div",
      { class: "fields" },
      field("Type", type, "Meters pick events by it."),
      field(
        "Id",
        h("input", { name: "id", maxlength: 128, autocomplete: "off", placeholder: "made up" }),
        "The same id is counted once.",
      ),
      field(
        "Time",
        h("input", { name: "time", autocomplete: "off", placeholder: "now" }),
        "RFC 3339, by the local clock.",
      ),
    ),
    field("Data (JSON)", data),
    h("div", { class: "actions" }, h("button", { type: "submit", class: "button primary" }, "Send event"), sendRandom),
    h(
      "datalist",
      { id: "event-types" },
      types.map((value) => h("option", { value })),
    ),
  );
}

function isObject(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" && !Array.isArray(value);
  } catch {
    return false;
  }
}

async function sendEvents(api, results, body, again = false) {
  const answer = await api.postText("/v1/usage/events", body).catch((error) => {
    // A 503 tells, event by event, what was stored and what must be sent again.
    if (error instanceof Problem && Array.isArray(error.body.results)) return error.body;
    throw error;
  });
  redraw(
    results,
    resultsPanel(answer, again, () => sendEvents(api, results, body, true)),
  );
}

function resultsPanel(answer, again, repeat) {
  const count = (status) => answer.results.filter((result) => result.status === status).length;
  const counts = Object.keys(TONES)
    .filter((status) => count(status) > 0)
    .map((status) => badge(`${decimal(count(status))} ${status}`, TONES[status]));
  // What needs attention comes first.
  const order = ["rejected", "retry", "duplicate", "accepted"];
  const sorted = [...answer.results].sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status));
  const shown = sorted.slice(0, RESULTS_SHOWN_MAX);
  const left = sorted.length - shown.length;
  const explained = shown.some(({ code }) => code);
  return h(
    "div",
    { class: "panel" },
    h(
      "div",
      { class: "section-head" },
      h("div", { class: "badges" }, counts),
      button("Send exactly this again", repeat, { class: "button small", "data-key": "again" }),
    ),
    again &&
      count("accepted") > 0 &&
      h("p", { class: "muted" }, "The same ids once more: taken, and not counted again. The counts stay as they are."),
    table(
      "Result of each event",
      ["Event", "Result", ...(explained ? ["Why"] : [])],
      shown.map((result) => resultRow(result, explained)),
    ),
    left > 0 && h("p", { class: "hint" }, `and ${plural(left, "more event")}`),
  );
}

function resultRow(result, explained) {
  const why = result.code && [
    h("code", {}, result.code),
    " ",
    result.pointer && h("code", {}, result.pointer),
    " ",
    result.message ?? "",
  ];
  return h(
    "tr",
    {},
    h("td", {}, h("code", { class: "id" }, result.id ?? `#${result.index}`)),
    h("td", {}, badge(result.status, TONES[result.status])),
    explained && h("td", {}, why || "–"),
  );
}

function countedList(container, meters, totals) {
  const before = new Map(
    [...container.querySelectorAll("dd")].map((place) => [place.dataset.meter, place.textContent]),
  );
  return h(
    "dl",
    { class: "totals" },
    meters.map((meter, index) => {
      const total = decimal(totals[index].total);
      const changed = before.has(meter.slug) && before.get(meter.slug) !== total;
      return h(
        "div",
        {},
        h("dt", {}, meter.name, h("span", { class: "sub" }, howCounted(meter))),
        h("dd", { class: changed ? "changed" : null, "data-meter": meter.slug }, total),
      );
    }),
  );
}

function howCounted({ aggregation, valuePath, eventType }) {
  const name = aggregation === "uniqueCount" ? "distinct" : aggregation;
  return valuePath ? `${name} of ${valuePath} in ${eventType}` : `${name} of ${eventType}`;
}
