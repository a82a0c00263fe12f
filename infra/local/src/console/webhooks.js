// Where a tenant is called, and the receipts: every delivery, every attempt, what was answered, what comes next.

import {
  ask,
  badge,
  button,
  empty,
  field,
  form,
  h,
  keepFresh,
  openable,
  redraw,
  say,
  secretPanel,
  section,
  showProblem,
  table,
} from "./dom.js";
import { decimal, instant, instantWithSeconds } from "./format.js";

const URL_LENGTH_MAX = 2048;
const EVENT_TYPES = [
  "billing.period.closed.v1",
  "invoice.created.v1",
  "invoice.finalized.v1",
  "invoice.ready.v1",
  "invoice.paid.v1",
  "invoice.voided.v1",
  "invoice.uncollectible.v1",
  "payment.recorded.v1",
  "creditnote.issued.v1",
  "creditnote.ready.v1",
  "credit.balance_low.v1",
];
const TONES = { pending: "wait", delivered: "good", dead: "bad" };

/** Which deliveries are open, as long as the page is. */
const opened = new Set();

export async function show(context) {
  const { api, root, signal } = context;
  const loading = () => h("div", { class: "list" }, h("p", { class: "loading" }, "Loading…"));
  const shownOnce = h("div", {});
  const [endpoints, deliveries] = [loading(), loading()];
  const load = () => endpointsOf(api);
  const refresh = keepFresh(signal, endpoints, load, (data) => drawEndpoints(context, data, () => refresh()));
  redraw(
    root,
    section(
      "Endpoints",
      null,
      endpointForm(api, shownOnce, () => refresh()),
      shownOnce,
      endpoints,
    ),
    section("Deliveries", null, deliveries),
  );
  showDeliveries(context, deliveries);
}

/** A tenant has few endpoints, and their list has no pages. */
async function endpointsOf(api) {
  return (await api.get("/v1/webhooks/endpoints")).data;
}

function endpointForm(api, shownOnce, refresh) {
  const create = async (values, element) => {
    const chosen = EVENT_TYPES.filter((type) => values[type]);
    const made = await api.post("/v1/webhooks/endpoints", {
      url: values.url,
      ...(chosen.length > 0 && { eventTypes: chosen }),
    });
    redraw(
      shownOnce,
      secretPanel(
        "The endpoint was created",
        made.secret,
        "Copy its signing secret now; it is not shown again. Calls are signed as Standard Webhooks has it: " +
          "HMAC-SHA256 over id, timestamp and body, in the header webhook-signature.",
      ),
    );
    element.reset();
    await refresh();
  };
  return form(
    { class: "panel" },
    create,
    field(
      "URL",
      h("input", {
        name: "url",
        type: "url",
        required: true,
        maxlength: URL_LENGTH_MAX,
        autocomplete: "off",
        placeholder: "https://example.com/hooks/meterline",
      }),
      "It is called with POST and should answer 2xx; otherwise it is called again, up to nine times, after longer and " +
        "longer waits. Here, plain http and this machine are allowed.",
    ),
    h(
      "fieldset",
      {},
      h("legend", {}, "Events"),
      h("p", { class: "hint" }, "None ticked means all."),
      h(
        "div",
        { class: "ticks" },
        EVENT_TYPES.map((type) => h("label", {}, h("input", { type: "checkbox", name: type }), h("code", {}, type))),
      ),
    ),
    h("div", { class: "actions" }, h("button", { type: "submit", class: "button primary" }, "Create endpoint")),
  );
}

function drawEndpoints({ api, zone }, endpoints, refresh) {
  if (endpoints.length === 0) {
    return empty(
      "No endpoints yet",
      "Give a URL above, and each closed period and each invoice is reported to it, signed.",
    );
  }
  const askToDelete = (endpoint) =>
    ask({
      title: "Delete this endpoint?",
      action: "Delete endpoint",
      danger: true,
      body: [
        h("p", {}, h("code", { class: "break" }, endpoint.url)),
        h("p", {}, "It is called no more, and what waits for it is given up. Receipts stay."),
      ],
      work: async () => {
        await api.remove(`/v1/webhooks/endpoints/${endpoint.id}`);
        say("The endpoint is deleted.");
        await refresh();
      },
    });
  return table(
    "Webhook endpoints",
    ["URL", "Events", { label: "Created", class: "when" }, ""],
    endpoints.map((endpoint) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, h("code", { class: "break" }, endpoint.url)),
        h(
          "td",
          {},
          endpoint.eventTypes?.length > 0
            ? endpoint.eventTypes.map((type) => h("code", { class: "one" }, type))
            : "all",
        ),
        h("td", { class: "when" }, instant(endpoint.createdAt, zone)),
        h(
          "td",
          { class: "row-actions" },
          button("Delete", () => askToDelete(endpoint), {
            class: "button small",
            "data-key": `delete-${endpoint.id}`,
            "aria-label": `Delete ${endpoint.url}`,
          }),
        ),
      ),
    ),
  );
}

function showDeliveries(context, place) {
  const { api, signal } = context;
  /** What was drawn last for an open delivery, so that a refresh does not flash. */
  const receipts = new Map();
  let pages = 1;
  const load = async () => {
    const [page, endpoints] = await Promise.all([api.pages("/v1/webhooks/deliveries", pages), endpointsOf(api)]);
    return { ...page, urls: Object.fromEntries(endpoints.map(({ id, url }) => [id, url])) };
  };
  const refresh = keepFresh(signal, place, load, ({ data, more, urls }) =>
    data.length === 0
      ? empty(
          "No deliveries yet",
          "They appear when something happens: close a period, and the events of its invoice go out.",
        )
      : [
          table(
            "Webhook deliveries",
            ["Event", "State", { label: "Attempts", class: "number" }, { label: "Created", class: "when" }],
            data.flatMap((delivery) => deliveryRows(context, delivery, urls, receipts)),
          ),
          more &&
            button("Show more", () => {
              pages += 1;
              return refresh();
            }),
        ],
  );
}

function deliveryRows(context, delivery, urls, receipts) {
  const label = [
    h("span", { class: "strong" }, delivery.eventType),
    h("span", { class: "sub break" }, `to ${urls[delivery.endpointId] ?? "a deleted endpoint"}`),
  ];
  const cells = [
    h("td", {}, badge(delivery.status, TONES[delivery.status])),
    h("td", { class: "number" }, decimal(delivery.attempts)),
    h("td", { class: "when" }, instant(delivery.createdAt, context.zone)),
  ];
  return openable({
    opened,
    id: delivery.id,
    label,
    cells,
    fill: (place) => fillReceipts(context, delivery, place, receipts),
  });
}

async function fillReceipts({ api, zone }, delivery, place, receipts) {
  redraw(place, receipts.get(delivery.id) ?? h("p", { class: "loading" }, "Loading…"));
  try {
    const whole = await api.get(`/v1/webhooks/deliveries/${delivery.id}`);
    const drawn = receiptOf(whole, zone);
    receipts.set(delivery.id, drawn);
    redraw(place, drawn);
  } catch (error) {
    showProblem(error);
  }
}

function receiptOf(delivery, zone) {
  const next =
    delivery.status === "pending" &&
    delivery.nextAttemptAt &&
    h("p", { class: "muted" }, `Next attempt ${instantWithSeconds(delivery.nextAttemptAt, zone)}.`);
  return h(
    "div",
    { class: "stack" },
    delivery.receipts.length === 0
      ? h("p", { class: "muted" }, "No attempt has been made yet.")
      : receiptTable(delivery.receipts, zone),
    next,
    h(
      "details",
      { class: "more" },
      h("summary", {}, "Body, indented for reading"),
      h("pre", { tabindex: "0", "aria-label": "Body" }, prettyJson(delivery.body)),
    ),
    h("p", { class: "hint" }, "Event ", h("code", { class: "id" }, delivery.eventId)),
  );
}

function receiptTable(receipts, zone) {
  const columns = [{ label: "#", class: "number" }, "At", "Answer", "Error", { label: "Took", class: "number" }];
  return table(
    "Attempts",
    columns,
    receipts.map(({ number, attemptedAt, status, error, durationMs }) =>
      h(
        "tr",
        {},
        h("td", { class: "number" }, decimal(number)),
        h("td", { class: "when-kept" }, instantWithSeconds(attemptedAt, zone)),
        h(
          "td",
          {},
          status === null
            ? badge("none", "bad")
            : badge(String(status), status >= 200 && status < 300 ? "good" : "bad"),
        ),
        h("td", {}, error ?? "–"),
        h("td", { class: "number" }, `${decimal(durationMs)} ms`),
      ),
    ),
  );
}

/** The envelope for reading; a body that is no JSON is shown as it is. */
function prettyJson(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
