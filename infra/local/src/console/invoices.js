// A tenant's invoices: number, period, total, state; each opens to its lines, and a line to the parts and steps that explain it.

import {
  badge,
  button,
  copyButton,
  empty,
  h,
  keepFresh,
  openable,
  redraw,
  section,
  showProblem,
  table,
} from "./dom.js";
import { day, days, decimal, exactAmount, instant, isPositive, money } from "./format.js";

const TONES = { draft: null, open: "wait", paid: "good", void: null, uncollectible: "bad" };
const NUMBER = "number";

/** Which invoices and lines are open, as long as the page is. */
const opened = new Set();
const openedLines = new Set();
/** Issued invoices never change, so each is asked for once. */
const issued = new Map();

export async function show(context) {
  const { api, root, signal } = context;
  const list = h("div", { class: "list" }, h("p", { class: "loading" }, "Loading…"));
  redraw(root, section("Invoices", null, list));
  let pages = 1;
  const refresh = keepFresh(
    signal,
    list,
    () => api.pages("/v1/invoices", pages),
    ({ data, more }) =>
      data.length === 0
        ? noInvoices(context)
        : [
            table(
              "Invoices",
              ["Invoice", { label: "State" }, { label: "Due", class: "when" }, { label: "Total", class: NUMBER }, ""],
              data.flatMap((invoice) => rows(context, invoice)),
            ),
            more &&
              button("Show more", () => {
                pages += 1;
                return refresh();
              }),
          ],
  );
}

function noInvoices({ go }) {
  return empty(
    "No invoices yet",
    "An invoice is written when a billing period closes. “Close this period” at the top turns the clock to its end.",
    button("Send some usage first", () => go("send")),
  );
}

function rows(context, invoice) {
  const label = [
    h("span", { class: "strong" }, invoice.number ?? "Draft"),
    h("span", { class: "sub" }, days(invoice.firstDay, invoice.lastDay)),
  ];
  const cells = [
    h("td", {}, badge(invoice.status, TONES[invoice.status])),
    h("td", { class: "when" }, invoice.dueAt ? day(invoice.dueAt, context.zone) : "–"),
    h("td", { class: `${NUMBER} strong` }, money(invoice.totalMinor, invoice.currency)),
    h("td", { class: "row-actions" }, invoice.number && pdfButton(context, invoice)),
  ];
  return openable({ opened, id: invoice.id, label, cells, fill: (place) => fillLines(context, invoice, place) });
}

function pdfButton({ api }, invoice) {
  if (invoice.pdf === null) return h("span", { class: "muted small-text" }, "printing…");
  return button(
    "PDF",
    async () => {
      // The tab opens with the click, or the browser takes it for a pop-up; its address follows.
      const tab = window.open("", "_blank");
      try {
        const { url } = await api.get(`/v1/invoices/${invoice.id}/pdf`);
        if (!/^https?:$/.test(new URL(url, location.href).protocol))
          throw new Error("The PDF's address is no web address.");
        if (!tab) throw new Error("The browser refused to open a tab. Allow pop-ups for this page.");
        tab.opener = null;
        tab.location.replace(url);
      } catch (error) {
        tab?.close();
        throw error;
      }
    },
    { class: "button small", "data-key": `pdf-${invoice.id}`, "aria-label": `PDF of invoice ${invoice.number}` },
  );
}

async function fillLines(context, invoice, place) {
  const key = `${invoice.id} ${invoice.status}`;
  const known = issued.get(key);
  if (known) {
    redraw(place, lines(context, known));
    return;
  }
  redraw(place, h("p", { class: "loading" }, "Loading…"));
  try {
    const whole = invoice.lines ? invoice : await context.api.get(`/v1/invoices/${invoice.id}`);
    if (whole.number) issued.set(key, whole);
    redraw(place, lines(context, whole));
  } catch (error) {
    showProblem(error);
    redraw(
      place,
      button("Try again", () => fillLines(context, invoice, place)),
    );
  }
}

function lines({ zone }, invoice) {
  const columns = [
    "Line",
    { label: "Quantity", class: NUMBER },
    { label: "Exact", class: `${NUMBER} exact` },
    { label: "Amount", class: NUMBER },
  ];
  return [
    table(
      `Lines of ${invoice.number ?? "the draft"}`,
      columns,
      invoice.lines.map((line) => lineRows(invoice, line)),
      totals(invoice),
    ),
    h(
      "dl",
      { class: "facts" },
      fact("Issued", invoice.finalizedAt && instant(invoice.finalizedAt, zone)),
      fact("Due", invoice.dueAt && instant(invoice.dueAt, zone)),
      fact("Purchase order", invoice.purchaseOrder),
      fact("Memo", invoice.memo),
      fact(
        "Plan",
        invoice.plan && h("span", {}, h("code", { class: "id" }, invoice.plan.id), ` version ${invoice.plan.version}`),
      ),
      fact(
        "Digest",
        invoice.digest &&
          h("span", { class: "with-copy" }, h("code", { class: "id" }, invoice.digest), copyButton(invoice.digest)),
      ),
    ),
  ];
}

/** From the lines to what is due: only the steps that this invoice has. */
function totals(invoice) {
  const row = (label, minor, strong = "") =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, label),
      h("td", {}),
      h("td", { class: "exact" }),
      h("td", { class: `${NUMBER} ${strong}` }, money(minor, invoice.currency)),
    );
  const steps = [
    ...invoice.discounts.map(({ name, amountMinor }) => row(name, -amountMinor)),
    ...invoice.taxes.map(({ name, percent, inclusive, amountMinor }) =>
      row(`${inclusive ? "including " : ""}${name} ${percent} %`, amountMinor),
    ),
  ];
  const paid = Number(invoice.creditedMinor) === 0 ? [] : [row("Credits", -invoice.creditedMinor), row("Due", invoice.dueMinor, "strong")];
  const subtotal = steps.length === 0 ? [] : [row("Subtotal", invoice.subtotalMinor)];
  return [...subtotal, ...steps, row("Total", invoice.totalMinor, "strong"), ...paid];
}

function fact(name, value) {
  return value && h("div", {}, h("dt", {}, name), h("dd", {}, value));
}

function lineRows(invoice, line) {
  const parts = line.subLines ?? [];
  const below = parts.length === 0 ? [] : partRows(invoice, line, parts);
  const id = `${invoice.id}-${line.key}`;
  const apply = () => {
    const isOpen = openedLines.has(id);
    toggle?.setAttribute("aria-expanded", String(isOpen));
    for (const row of below) row.hidden = !isOpen;
  };
  const toggle =
    below.length === 0
      ? null
      : h(
          "button",
          {
            type: "button",
            class: "toggle",
            "data-key": `line-${id}`,
            onclick: () => {
              if (!openedLines.delete(id)) openedLines.add(id);
              apply();
            },
          },
          line.description,
          h("span", { class: "sub" }, subtitle(line)),
        );
  apply();
  return [
    h(
      "tr",
      {},
      h("th", { scope: "row" }, toggle ?? [line.description, h("span", { class: "sub" }, subtitle(line))]),
      h("td", { class: NUMBER }, line.quantity ? decimal(line.quantity) : ""),
      h("td", { class: `${NUMBER} exact muted` }, exactAmount(line.exact, invoice.currency)),
      h("td", { class: NUMBER }, money(line.amountMinor, invoice.currency)),
    ),
    below,
  ];
}

function subtitle({ kind, key, days: billed, floor, meter, included, subLines, firstDay, lastDay, adjusts }) {
  const share = billed && billed.active !== billed.full ? `${billed.active} of ${billed.full} days` : "";
  if (kind === "trueUp") {
    const least = floor.kind === "commitment" ? "commitment" : "minimum";
    return `missing to the ${least} of ${decimal(floor.amount)}${share && `, ${share}`}`;
  }
  const when = firstDay ? `, ${firstDay} to ${lastDay}` : "";
  if (kind === "fee") {
    return `${/^base(@|$)/.test(key) ? "base fee" : "fee"}, ${share || `${billed.full} days`}${when}`;
  }
  if (kind === "seats") return `seats${when}`;
  if (kind === "oneOff") return "agreed outside of any plan";
  if (kind === "adjustment") return `adjusts ${adjusts.line}${when}, of which ${decimal(adjusts.quantityBefore)} was billed`;
  const free = isPositive(included) ? `, ${decimal(included)} included` : "";
  return `meter ${meter}${free}${when}${(subLines ?? []).length > 1 ? `, ${subLines.length} parts` : ""}`;
}

function partRows(invoice, line, parts) {
  const row = (label, quantity, amount) =>
    h(
      "tr",
      { class: "tier-row" },
      h("td", {}, label),
      h("td", { class: NUMBER }, quantity),
      h("td", { class: `${NUMBER} exact` }, amount),
      h("td", {}),
    );
  const priced = parts.map((part) => {
    const flat = isPositive(part.flatFee) ? ` + ${exactAmount(part.flatFee, invoice.currency)}` : "";
    const price = `${exactAmount(part.unitPrice, invoice.currency)} each${flat}`;
    return row(`${partLabel(part, line)}${price}`, decimal(part.quantity), exactAmount(part.amount, invoice.currency));
  });
  const steps = line.steps ?? [];
  const quantity = steps.filter(({ modifier }) => modifier === "included" || modifier === "unitConversion");
  const amount = steps.filter((step) => !quantity.includes(step) && step.before !== step.after);
  return [
    ...quantity.map((step) => row(stepLabel(step), decimal(step.after), "")),
    ...priced,
    ...amount.map((step) => row(stepLabel(step), "", exactAmount(step.after, invoice.currency))),
  ];
}

function stepLabel({ modifier, value, rounding, overageFactor }) {
  const said = decimal(value);
  switch (modifier) {
    case "included":
      return `The first ${said} are included`;
    case "unitConversion":
      return `In units of ${said}, rounded ${rounding === "nearest" ? "to the nearest" : rounding}`;
    case "usageDiscount":
      return `Less ${said} %`;
    case "spendMaximum":
      return `At most ${said}`;
    case "commitment":
      return `Beyond the commitment of ${said}, times ${decimal(overageFactor)}`;
    default:
      return `At least ${said}`;
  }
}

const PART_NAMES = {
  value: "Part of the value: ",
  events: "Events: ",
  eventsAtMinimum: "Events at the minimum: ",
  eventsAtMaximum: "Events at the maximum: ",
  amounts: "Amounts of the events: ",
};

function partLabel({ kind, from, upTo, size, values }, { included }) {
  if (kind === "packages") return `Packages of ${decimal(size)}: `;
  if (kind === "cell") return `${Object.values(values).join(", ") || "All other"}: `;
  if (kind !== "tier") return PART_NAMES[kind] ?? "";
  const beginsAtZero = !isPositive(from);
  const counted = isPositive(included) ? " charged" : "";
  if (beginsAtZero && upTo === undefined) return "";
  if (upTo === undefined) return `Beyond ${decimal(from)}${counted}: `;
  return beginsAtZero ? `Up to ${decimal(upTo)}${counted}: ` : `Over ${decimal(from)} to ${decimal(upTo)}${counted}: `;
}
