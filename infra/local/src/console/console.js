// The frame: which tenant and section the address names, the local clock, and the button that closes a period. Each
// section is a module with one `show(context)`; it draws into `context.root` until `context.signal` says it was left.

import { forTenant, loadSession, pause, platform, turnClock } from "./api.js";
import { ask, button, clearProblems, empty, h, redraw, say, showProblem } from "./dom.js";
import { instant, period } from "./format.js";
import { rfc3339 } from "./time.js";
import { drawTenants, newTenant } from "./tenants.js";
import { sampleTenant } from "./sample.js";
import * as overview from "./overview.js";
import * as usage from "./usage.js";
import * as send from "./send.js";
import * as invoices from "./invoices.js";
import * as webhooks from "./webhooks.js";
import * as keys from "./keys.js";

const SECTIONS = [
  { name: "overview", label: "Overview", view: overview },
  { name: "usage", label: "Usage", view: usage },
  { name: "send", label: "Send events", view: send },
  { name: "invoices", label: "Invoices", view: invoices },
  { name: "webhooks", label: "Webhooks", view: webhooks },
  { name: "keys", label: "API keys", view: keys },
];
const CLOCK_EVERY_MS = 5000;
const MINUTE_MS = 60_000;
/** A period closes an hour after its end, so that late usage still belongs to it; one minute more and it is billed. */
const CLOSES_AFTER_MINUTES = 61;

const main = document.getElementById("main");
const clock = document.getElementById("clock-now");
const closeButton = document.getElementById("close-period");
const sideToggle = document.getElementById("side-toggle");

let tenants = [];
let leave = new AbortController();
/** The period that the header's button closes: `{ tenant, period }`, or null. */
let closable = null;

start();

async function start() {
  window.addEventListener("hashchange", show);
  closeButton.addEventListener("click", askToClose);
  document.getElementById("new-tenant").addEventListener("click", () => newTenant(openTenant));
  sideToggle.addEventListener("click", () => openSide(sideToggle.getAttribute("aria-expanded") !== "true"));
  try {
    await readClock();
    await loadTenants();
  } catch (error) {
    const text = "The console works on the machine that runs Meterline, while it runs.";
    redraw(
      main,
      empty(
        error.message,
        text,
        button("Try again", () => location.reload()),
      ),
    );
    return;
  }
  await show();
  keepClock();
}

async function loadTenants() {
  tenants = await platform.all("/v1/tenants");
}

/** What the address names: `#/acme/invoices`. */
function route() {
  const [, slug = "", name = ""] = location.hash.split("/");
  return { slug, section: SECTIONS.find((section) => section.name === name) ?? SECTIONS[0] };
}

async function show() {
  leave.abort();
  leave = new AbortController();
  clearProblems();
  const { slug, section } = route();
  const tenant = tenants.find((one) => one.slug === slug);
  drawTenants(tenants, slug, section.name);
  openSide(false);
  setClosable(null);
  document.title = tenant ? `${tenant.name} · ${section.label} · Meterline` : "Meterline console";
  if (tenant) return showTenant(tenant, section, leave.signal);
  if (tenants.length === 0) return showWelcome();
  if (slug === "") {
    location.replace(`#/${tenants[0].slug}/overview`);
    return;
  }
  redraw(main, empty("No such tenant", `Nobody is called “${slug}” here. Choose a tenant from the list.`));
}

async function showTenant(tenant, section, signal) {
  const api = forTenant(tenant, signal);
  const root = h("div", { class: "view" });
  const subscriptions = api.all("/v1/subscriptions");
  redraw(main, tenantHead(tenant), tabs(tenant, section), root);
  main.querySelector(".tabs [aria-current]").scrollIntoView({ block: "nearest", inline: "center" });
  const context = {
    tenant,
    root,
    signal,
    api,
    subscriptions,
    now: readClock,
    zone: tenant.timeZone,
    go: (name) => goTo(`#/${tenant.slug}/${name}`),
    reload: show,
  };
  try {
    const found = await subscriptions;
    if (signal.aborted) return;
    setClosable(nextToClose(tenant, found));
    await section.view.show(context);
  } catch (error) {
    if (signal.aborted) return;
    showProblem(error);
    redraw(root, empty("This could not be loaded", error.message, button("Try again", show)));
  }
}

function tenantHead(tenant) {
  return h(
    "header",
    { class: "tenant-head" },
    h("h1", {}, tenant.name),
    h("p", { class: "muted" }, h("code", {}, tenant.slug), " · ", tenant.timeZone),
  );
}

function tabs(tenant, current) {
  const links = SECTIONS.map((section) =>
    h(
      "a",
      {
        href: `#/${tenant.slug}/${section.name}`,
        "data-key": `tab-${section.name}`,
        "aria-current": section === current ? "page" : null,
      },
      section.label,
    ),
  );
  return h("nav", { class: "tabs", "aria-label": "Sections" }, links);
}

function showWelcome() {
  redraw(
    main,
    h(
      "div",
      { class: "welcome" },
      h("h1", {}, "Meter, bill, deliver."),
      h(
        "p",
        { class: "lead" },
        "This is a whole billing platform on your machine: usage comes in, is counted once, and becomes invoices, PDFs and signed webhooks.",
      ),
      h(
        "ol",
        { class: "steps" },
        h("li", {}, h("b", {}, "Create a tenant"), "A customer who is billed by use."),
        h("li", {}, h("b", {}, "Subscribe it to a plan"), "A base fee, and prices on meters."),
        h("li", {}, h("b", {}, "Send usage"), "Watch it being counted, once."),
        h("li", {}, h("b", {}, "Close the period"), "Turn the clock, read the invoice."),
      ),
      h(
        "div",
        { class: "actions" },
        button("Create a sample tenant", createSample, { class: "button primary" }),
        button("Start with my own", () => newTenant(openTenant)),
      ),
    ),
  );
}

async function createSample() {
  const { tenant, accepted } = await sampleTenant(new Date(await readClock()));
  await openTenant(tenant, `A sample tenant with three meters, a plan and ${accepted} events is ready.`);
}

async function openTenant(tenant, message = `${tenant.name} was created.`) {
  await loadTenants();
  say(message);
  await goTo(`#/${tenant.slug}/overview`);
}

/** Follows an address, and draws anew if it is the present one. */
async function goTo(address) {
  if (location.hash === address) await show();
  else location.hash = address;
}

function openSide(open) {
  sideToggle.setAttribute("aria-expanded", String(open));
  sideToggle.textContent = open ? "Hide" : "Show";
}

/** Reads the local clock, shows it, and answers it in milliseconds. */
async function readClock() {
  const session = await loadSession();
  clock.dateTime = session.now;
  clock.textContent = `${instant(session.now, "UTC")} UTC`;
  return Date.parse(session.now);
}

async function keepClock() {
  for (;;) {
    await pause(CLOCK_EVERY_MS);
    if (!document.hidden)
      await readClock().catch(() => {
        clock.textContent = "no answer";
      });
  }
}

/** The subscription whose period ends first. */
function nextToClose(tenant, subscriptions) {
  const periods = subscriptions.map((subscription) => subscription.currentPeriod);
  periods.sort((a, b) => Date.parse(a.end) - Date.parse(b.end));
  return periods.length > 0 ? { tenant, period: periods[0] } : null;
}

function setClosable(next) {
  closable = next;
  closeButton.disabled = next === null;
  closeButton.title = next === null ? "Choose a tenant with a subscription first" : "";
}

function askToClose() {
  const { tenant, period: closing } = closable;
  const turnTo = Date.parse(closing.end) + CLOSES_AFTER_MINUTES * MINUTE_MS;
  ask({
    title: "Close this period",
    action: "Turn the clock",
    body: [
      h("p", {}, `${tenant.name} is billed for `, h("b", {}, period(closing, tenant.timeZone)), "."),
      h(
        "p",
        {},
        "The local clock turns to ",
        h("b", {}, `${instant(turnTo, "UTC")} UTC`),
        ", just after the hour of grace. Usage is rated, the invoice gets its number and its PDF, and webhooks go out.",
      ),
      h(
        "p",
        { class: "muted" },
        "There is one clock: periods of other tenants that end by then close too. It never turns back.",
      ),
    ],
    work: async () => {
      await turnClock(rfc3339(Math.max(turnTo, (await readClock()) + MINUTE_MS)));
      await readClock();
      say(`The period of ${period(closing, tenant.timeZone)} is closed.`);
      await goTo(`#/${tenant.slug}/invoices`);
    },
  });
}
