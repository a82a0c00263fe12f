// What a tenant pays for: its subscription, the current period, and what was used so far; or the way to a subscription.

import { platform } from "./api.js";
import { badge, button, empty, field, form, h, keepFresh, redraw, say, section, select, table } from "./dom.js";
import { decimal, exactAmount, instant, isPositive, money, period } from "./format.js";
import { subscribeToSample } from "./sample.js";
import { civilDate, rfc3339 } from "./time.js";

const GRACE_MS = 3_600_000;
const DAY_MS = 86_400_000;
const NUMBER = { label: "", class: "number" };

export async function show(context) {
  const { root, tenant, signal } = context;
  const [subscriptions, plans, now] = await Promise.all([
    context.subscriptions,
    platform.all("/v1/plans"),
    context.now(),
  ]);
  if (signal.aborted) return;
  const details = section("Tenant", null, facts(tenant));
  if (subscriptions.length === 0) {
    redraw(root, noSubscription(context, plans, now), details);
    return;
  }
  const places = subscriptions.map((subscription) => subscriptionSection(context, subscription, now));
  redraw(
    root,
    places.map(({ element }) => element),
    details,
  );
  await Promise.all(places.map(({ fill }) => fill(plans)));
}

function facts(tenant) {
  const rows = [
    ["Id", h("code", {}, tenant.id)],
    ["E-mail", tenant.email],
    ["Address", tenant.address?.length > 0 && h("span", { class: "lines" }, tenant.address.join("\n"))],
    ["Tax id", tenant.taxId],
    ["Time zone", tenant.timeZone],
    ["Language", tenant.locale],
    ["Since", instant(tenant.createdAt, tenant.timeZone)],
  ];
  return h(
    "dl",
    { class: "facts" },
    rows.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}

function noSubscription(context, plans, now) {
  const { tenant, zone, reload } = context;
  const setUp = button(
    "Set up a sample meter and plan",
    async () => {
      await subscribeToSample(tenant, now);
      say(`${tenant.name} is subscribed to the sample plan.`);
      await reload();
    },
    { class: "button primary" },
  );
  const sample = empty(
    "Nothing to bill yet",
    "A tenant pays by a plan: a base fee, and prices on meters that read usage events. The sample makes three meters " +
      "(requests, bytes, addresses) and a plan of 19.00 USD a month with a price on each, and subscribes this tenant.",
    setUp,
  );
  const offered = plans.filter((plan) => plan.kind === "plan" && plan.latestVersion);
  return section(
    "Subscription",
    null,
    sample,
    offered.length > 0 && subscribeForm(context, offered, civilDate(now, zone)),
  );
}

function subscribeForm({ api, tenant, reload }, plans, today) {
  return form(
    { class: "panel row-form" },
    async (values) => {
      await api.post("/v1/subscriptions", values);
      say(`${tenant.name} is subscribed.`);
      await reload();
    },
    field(
      "Or a plan that exists",
      select(
        "plan",
        plans.map((plan) => [plan.slug, `${plan.name}, version ${plan.latestVersion}`]),
      ),
    ),
    field("From", h("input", { name: "startsOn", type: "date", value: today, required: true })),
    field(
      "Periods begin",
      select("anchor", [
        ["calendar", "By the calendar"],
        ["anniversary", "On the day of the start"],
      ]),
    ),
    h("button", { type: "submit", class: "button" }, "Subscribe"),
  );
}

/** A subscription's section at once, and what fills it with its plan, its add-ons and usage. */
function subscriptionSection(context, subscription, now) {
  const name = h("h2", {}, "Subscription");
  const prices = h("div", { class: "prices" }, h("p", { class: "loading" }, "Loading…"));
  const current = subscription.currentPeriod;
  const element = h(
    "section",
    { class: "section" },
    h(
      "div",
      { class: "section-head" },
      name,
      h("div", { class: "actions" }, badge(subscription.status), badge(intervalName(subscription.interval))),
    ),
    current
      ? periodBar(current, context.zone, now)
      : h("p", { class: "muted" }, `It ended on ${subscription.endsOn}, and all of it is billed.`),
    prices,
  );
  const fill = async (plans) => {
    const held = [{ ...subscription.plan, seats: subscription.seats }, ...Object.values(subscription.addOns)];
    const versions = await Promise.all(held.map((pinned) => versionOf(plans, pinned)));
    const [plan] = versions;
    name.replaceChildren(plan.name, " ", h("span", { class: "muted" }, `version ${plan.version}`));
    const range = current && { from: rfc3339(Date.parse(current.start)), to: rfc3339(Date.parse(current.end)) };
    const used = async ({ key, meter, seats }) =>
      meter ? range && (await context.api.get("/v1/usage", { meter, ...range })).total : seats[key];
    const offers = versions.map((version) => offerOf(version, subscription));
    const charged = offers.flatMap((offer, place) =>
      offer.prices.map(({ key, meter }) => ({ key, meter, seats: held[place].seats })),
    );
    keepFresh(
      context.signal,
      prices,
      () => Promise.all(charged.map(used)),
      (totals) => priceTable(versions, offers, totals),
    );
  };
  return { element, fill };
}

function versionOf(plans, { id, version }) {
  const listed = plans.find((plan) => plan.id === id);
  if (!listed) throw new Error("A plan of this subscription is not listed.");
  return platform.get(`/v1/plans/${listed.slug}`, { version });
}

/** What a plan version charges in the subscription's currency and interval. */
function offerOf(plan, { currency, interval }) {
  const isIts = (offer) =>
    offer.currency === currency && offer.interval.unit === interval.unit && offer.interval.count === interval.count;
  return plan.offers.find(isIts) ?? plan;
}

function intervalName({ unit, count }) {
  const word = unit === "halfYear" ? "half-year" : unit;
  return count === 1 ? `every ${word}` : `every ${count} ${word}s`;
}

function periodBar(current, zone, now) {
  const [start, end] = [Date.parse(current.start), Date.parse(current.end)];
  const total = Math.round((end - start) / DAY_MS);
  const passed = Math.min(Math.max(Math.floor((now - start) / DAY_MS) + 1, 0), total);
  const over = now < end + GRACE_MS ? "in its hour of grace" : "waits for its invoice";
  const where = now < start ? "not begun" : now < end ? `day ${passed} of ${total}` : over;
  return h(
    "div",
    { class: "period" },
    h("p", { class: "period-line" }, h("b", {}, period(current, zone)), h("span", { class: "muted" }, where)),
    h("progress", {
      max: String(end - start),
      value: String(Math.min(Math.max(now - start, 0), end - start)),
      "aria-label": "Period passed",
    }),
    h(
      "p",
      { class: "muted" },
      `Billed from ${instant(end + GRACE_MS, zone)} (${zone}), when late usage has had its hour of grace.`,
    ),
  );
}

/** The prices of the plan and of its add-ons, one below the other, with what was used of each. */
function priceTable(versions, offers, totals) {
  const columns = ["Charge", { ...NUMBER, label: "Price" }, { ...NUMBER, label: "Used so far" }];
  let used = 0;
  const rows = offers.flatMap(({ baseFeeMinor, currency, prices }, place) => [
    (place === 0 || baseFeeMinor > 0) &&
      h(
        "tr",
        {},
        h("th", { scope: "row" }, place === 0 ? "Base fee" : versions[place].name),
        h("td", { class: "number" }, money(baseFeeMinor, currency)),
        h("td", { class: "number muted" }, "–"),
      ),
    ...prices.map((price) => priceRow(price, place > 0 && versions[place].name, currency, totals[used++])),
  ]);
  return table("Prices and usage so far", columns, rows.filter(Boolean));
}

function priceRow(price, addOn, currency, total) {
  const name = addOn ? `${addOn} – ${price.name}` : price.name;
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, name, h("span", { class: "sub" }, charged(price)), included(price)),
    h("td", { class: "number" }, modelLines(price.model, currency)),
    h("td", { class: "number strong" }, total === undefined || total === null ? "–" : decimal(total)),
  );
}

function charged({ meter, model, timing }) {
  if (meter) return `meter ${meter}`;
  if (model.type === "seats") return "licensed seats";
  return timing === "once" ? "fee, once" : "fee";
}

function included(price) {
  return isPositive(price.included) && h("span", { class: "sub" }, `${decimal(price.included)} included`);
}

function modelLines(model, currency) {
  const line = (label, amount) =>
    h("span", { class: "tier" }, label && h("span", { class: "muted" }, `${label}: `), amount);
  const each = (amount) => `${exactAmount(amount, currency)} each`;
  switch (model.type) {
    case "flat":
      return line("", exactAmount(model.amount, currency));
    case "perUnit":
    case "seats":
      return line("", each(model.unitPrice));
    case "package":
      return line(`each ${decimal(model.size)}`, exactAmount(model.packagePrice, currency));
    case "percentage":
      return [
        line("", `${decimal(model.percent)} %`),
        isPositive(model.fixedFee) && line("each event", exactAmount(model.fixedFee, currency)),
      ].filter(Boolean);
    case "matrix":
      return [
        ...model.cells.map((cell) => line(Object.values(cell.values).join(", "), each(cell.unitPrice))),
        line("all other", each(model.defaultUnitPrice)),
      ];
    case "dynamic":
      return line("", model.multiplier ? `amounts × ${decimal(model.multiplier)}` : "amounts");
    default:
      return tierLines(model, currency, line);
  }
}

function tierLines({ tiers }, currency, line) {
  return tiers.map((tier, index) => {
    const before = tiers[index - 1]?.upTo;
    const range = tier.upTo === null ? (before ? `beyond ${decimal(before)}` : "all") : `up to ${decimal(tier.upTo)}`;
    const flat = isPositive(tier.flatFee) ? ` + ${exactAmount(tier.flatFee, currency)}` : "";
    const price = tier.percent === undefined ? exactAmount(tier.unitPrice, currency) : `${decimal(tier.percent)} %`;
    return line(range, `${price}${flat}`);
  });
}
