// A tenant's API keys: made here and shown once, recognised later by their first characters, revoked for good.

import {
  ask,
  badge,
  button,
  copyButton,
  empty,
  field,
  form,
  h,
  keepFresh,
  redraw,
  say,
  secretPanel,
  section,
  select,
  table,
} from "./dom.js";
import { instant } from "./format.js";
import { rfc3339 } from "./time.js";

const DAY_MS = 86_400_000;
const LIVES = [
  ["", "Never"],
  ["30", "In 30 days"],
  ["90", "In 90 days"],
  ["365", "In a year"],
];

export async function show(context) {
  const shownOnce = h("div", {});
  const list = h("div", { class: "list" }, h("p", { class: "loading" }, "Loading…"));
  const view = { context, shownOnce, pages: 1, refresh: null };
  view.refresh = keepFresh(
    context.signal,
    list,
    () => load(view),
    (answer) => drawKeys(view, answer),
  );
  redraw(context.root, section("API keys", null, keyForm(view), shownOnce, list));
}

/** The keys with their state by the local clock; the clock itself is no reason to draw them anew. */
async function load({ context, pages }) {
  const [{ data, more }, now] = await Promise.all([context.api.pages("/v1/api-keys", pages), context.now()]);
  return { more, keys: data.map((key) => ({ ...key, state: stateOf(key, now) })) };
}

function stateOf(key, now) {
  if (key.revokedAt) return "revoked";
  return key.expiresAt && Date.parse(key.expiresAt) <= now ? "expired" : "active";
}

function keyForm({ context, shownOnce, refresh }) {
  const create = async ({ name, mode, days }, element) => {
    const expiry = days && { expiresAt: rfc3339((await context.now()) + Number(days) * DAY_MS) };
    const made = await context.api.post("/v1/api-keys", { name, mode, ...expiry });
    redraw(shownOnce, createdPanel(made));
    element.reset();
    await refresh();
  };
  const name = { name: "name", required: true, maxlength: 200, autocomplete: "off", placeholder: "Production" };
  const modes = [
    ["live", "Live"],
    ["test", "Test"],
  ];
  return form(
    { class: "panel row-form" },
    create,
    field("Name", h("input", name)),
    field("Kind", select("mode", modes)),
    field("Expires", select("days", LIVES)),
    h("button", { type: "submit", class: "button primary" }, "Create key"),
  );
}

function drawKeys(view, { keys, more }) {
  if (keys.length === 0) {
    return empty(
      "No keys yet",
      "With a key of its own a tenant sends usage and reads its invoices, and nobody else's.",
    );
  }
  const when = (label) => ({ label, class: "when" });
  const columns = ["Name", "Begins with", when("Created"), when("Expires"), "State", ""];
  const showMore = () => {
    view.pages += 1;
    return view.refresh();
  };
  const rows = keys.map((key) => keyRow(view, key));
  return [table("API keys", columns, rows), more && button("Show more", showMore)];
}

function keyRow(view, key) {
  const { zone } = view.context;
  const revoke = button("Revoke", () => askToRevoke(view, key), {
    class: "button small",
    "data-key": `revoke-${key.id}`,
    "aria-label": `Revoke ${key.name}`,
  });
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, key.name),
    h("td", {}, h("code", {}, `${key.preview}…`)),
    h("td", { class: "when" }, instant(key.createdAt, zone)),
    h("td", { class: "when" }, key.expiresAt ? instant(key.expiresAt, zone) : "never"),
    h("td", {}, badge(key.state, key.state === "active" ? "good" : null)),
    h("td", { class: "row-actions" }, key.state !== "revoked" && revoke),
  );
}

function askToRevoke({ context, refresh }, key) {
  ask({
    title: `Revoke “${key.name}”?`,
    action: "Revoke key",
    danger: true,
    body: h("p", {}, "Requests with it are refused from now on. This cannot be undone."),
    work: async () => {
      await context.api.remove(`/v1/api-keys/${key.id}`);
      say(`The key “${key.name}” is revoked.`);
      await refresh();
    },
  });
}

function createdPanel(made) {
  const title = `The key “${made.name}” was created`;
  const note = "Copy it now. Only its digest is kept, so it cannot be shown again.";
  if (made.key === null) return secretPanel(title, null, note);
  const example = `curl ${location.origin}/v1/usage/events \\
  -H "Authorization: Bearer ${made.key}" \\
  -H "Content-Type: application/json" \\
  -d '{"events":[{"id":"first-1","type":"request","data":{"bytes":5120,"address":"203.0.113.7"}}]}'`;
  const command = h("pre", { tabindex: "0", "aria-label": "Example command" }, example);
  const summary = h("summary", {}, "Send an event with it");
  return secretPanel(
    title,
    made.key,
    note,
    h("details", { class: "more" }, summary, command, copyButton(example, "Copy command")),
  );
}
