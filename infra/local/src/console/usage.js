// A meter's usage over time: which meter, which range, how wide a bar; a chart, its totals, and the same as a table.

import { platform } from "./api.js";
import { chart } from "./chart.js";
import { button, empty, field, h, keepFresh, redraw, section, select, table } from "./dom.js";
import { decimal, period, windowName } from "./format.js";
import { civilDate, rfc3339, startOfDate, windowStart, windowStarts, windowsFit } from "./time.js";

const WINDOWS = [
  ["hour", "Hours"],
  ["day", "Days"],
  ["month", "Months"],
];
/** Preferred width of a bar first. */
const WINDOW_ORDER = ["day", "hour", "month"];
const RANGES = [
  ["period", "Current period"],
  ["month", "This month"],
  ["lastMonth", "Last month"],
  ["hours24", "Last 24 hours"],
  ["days7", "Last 7 days"],
  ["days30", "Last 30 days"],
  ["days90", "Last 90 days"],
  ["months12", "Last 12 months"],
  ["custom", "From … to …"],
];
const HOUR_MS = 3_600_000;
const GROUPS_SHOWN_MAX = 20;
/** The API answers for this many days at once. */
const RANGE_DAYS_MAX = 400;

/** What was chosen last stays chosen from tenant to tenant. */
const chosen = { meter: null, range: null, window: "day", groupBy: "", from: "", to: "" };

export async function show(context) {
  const { root, signal } = context;
  const [meters, subscriptions] = await Promise.all([platform.all("/v1/meters"), context.subscriptions]);
  if (signal.aborted) return;
  if (meters.length === 0) {
    const goOn = button("Go to overview", () => context.go("overview"), { class: "button primary" });
    redraw(
      root,
      empty(
        "No meters yet",
        "A meter turns events into a number. Set up the sample on the overview, or POST /v1/meters.",
        goOn,
      ),
    );
    return;
  }
  const current = subscriptions[0]?.currentPeriod ?? null;
  settle(meters, current);
  const controls = h("div", { class: "controls" });
  const drawn = h("div", { class: "drawn" }, h("p", { class: "loading chart-place" }, "Loading…"));
  redraw(root, section("Usage", null, controls, drawn));
  await drawFor({ context, meters, current, controls, drawn });
}

function settle(meters, current) {
  if (!meters.some((meter) => meter.slug === chosen.meter)) chosen.meter = meters[0].slug;
  if (chosen.range === null || (chosen.range === "period" && !current)) chosen.range = current ? "period" : "month";
}

/** Draws controls and chart, anew for each choice; the drawing of the choice before ends. */
async function drawFor(view) {
  view.leave?.abort();
  view.leave = new AbortController();
  const { context, meters, current, controls, drawn } = view;
  const signal = AbortSignal.any([context.signal, view.leave.signal]);
  const now = await context.now();
  if (signal.aborted) return;
  const meter = meters.find((one) => one.slug === chosen.meter);
  chosen.from ||= civilDate(windowStart(now, "month", context.zone), context.zone);
  chosen.to ||= civilDate(now, context.zone);
  const range = boundsOf(chosen.range, now, context.zone, current);
  const fitting = WINDOW_ORDER.filter((window) => fits(range, window, context.zone));
  if (!fitting.includes(chosen.window)) chosen.window = fitting[0] ?? "hour";
  redraw(controls, controlFields(view, meter, fitting));
  if (range.refusal) {
    redraw(drawn, h("div", { class: "chart-place" }, empty("Choose another range", range.refusal)));
    return;
  }
  const load = async () => {
    const at = await context.now();
    const bounds = boundsOf(chosen.range, at, context.zone, current);
    return { hour: Math.floor(at / HOUR_MS), bounds, ...(await ask(context.api, meter, bounds)) };
  };
  keepFresh(signal, drawn, load, (answer) => drawing(context, meter, answer, signal));
}

function controlFields(view, meter, fitting) {
  const choose = (name) => (event) => {
    chosen[name] = event.target.value;
    void drawFor(view);
  };
  const control = (label, key, element) => {
    element.dataset.key = key;
    return field(label, element);
  };
  const ranges = RANGES.filter(([name]) => name !== "period" || view.current);
  const windows = select("window", WINDOWS, chosen.window, choose("window"));
  for (const option of windows.options) option.disabled = !fitting.includes(option.value);
  const dimensions = meter.dimensions ?? [];
  if (!dimensions.some(({ name }) => name === chosen.groupBy)) chosen.groupBy = "";
  const date = (name) => h("input", { type: "date", value: chosen[name], onchange: choose(name) });
  return [
    control(
      "Meter",
      "meter",
      select(
        "meter",
        view.meters.map(({ slug, name }) => [slug, name]),
        chosen.meter,
        choose("meter"),
      ),
    ),
    control("Range", "range", select("range", ranges, chosen.range, choose("range"))),
    chosen.range === "custom" && control("From", "from", date("from")),
    chosen.range === "custom" && control("To", "to", date("to")),
    control("Bars", "window", windows),
    dimensions.length > 0 &&
      control(
        "Break down by",
        "groupBy",
        select(
          "groupBy",
          [["", "Nothing"], ...dimensions.map(({ name }) => [name, name])],
          chosen.groupBy,
          choose("groupBy"),
        ),
      ),
  ];
}

/** The half-open stretch that a choice means, on bounds that the API takes. */
function boundsOf(range, now, zone, current) {
  const start = (window, shift) => windowStart(now, window, zone, shift);
  switch (range) {
    case "period":
      return { from: Date.parse(current.start), to: Date.parse(current.end) };
    case "month":
      return { from: start("month"), to: start("month", 1) };
    case "lastMonth":
      return { from: start("month", -1), to: start("month") };
    case "hours24":
      return { from: start("hour", -23), to: start("hour", 1) };
    case "days7":
      return { from: start("day", -6), to: start("day", 1) };
    case "days30":
      return { from: start("day", -29), to: start("day", 1) };
    case "days90":
      return { from: start("day", -89), to: start("day", 1) };
    case "months12":
      return { from: start("month", -11), to: start("month", 1) };
    case "custom":
      return customBounds(zone);
    default:
      throw new RangeError(`no such range: ${range}`);
  }
}

function customBounds(zone) {
  if (chosen.from === "" || chosen.to === "") return { refusal: "Give both dates." };
  const [from, to] = [startOfDate(chosen.from, zone), startOfDate(chosen.to, zone, 1)];
  if (from >= to) return { refusal: "The first day lies after the last." };
  if (to - from > RANGE_DAYS_MAX * 24 * HOUR_MS)
    return { refusal: `At most ${RANGE_DAYS_MAX} days can be shown at once.` };
  return { from, to };
}

/** Whether bars of this width fit: at least two whole ones, and not too many to point at. */
function fits({ from, to, refusal }, window, zone) {
  return (
    !refusal &&
    windowsFit(from, to, window) &&
    windowStart(from, window, zone) === from &&
    windowStart(from, window, zone, 2) <= to
  );
}

async function ask(api, meter, { from, to }) {
  const query = { meter: meter.slug, from: rfc3339(from), to: rfc3339(to) };
  const series = api.get("/v1/usage", { ...query, window: chosen.window });
  const groups = chosen.groupBy ? api.get("/v1/usage", { ...query, groupBy: chosen.groupBy }) : null;
  return { series: await series, groups: await groups };
}

function drawing(context, meter, { series, groups, bounds }, signal) {
  const { zone } = context;
  const values = new Map(series.data.map((point) => [Date.parse(point.start), point.value]));
  const starts = new Set([...windowStarts(bounds.from, bounds.to, chosen.window, zone), ...values.keys()]);
  const bars = [...starts]
    .sort((a, b) => a - b)
    .map((start) => ({
      start,
      end: windowStart(start, chosen.window, zone, 1),
      value: values.get(start) ?? "0",
      name: windowName(start, chosen.window, zone),
      short: windowName(start, chosen.window, zone, true),
      day: windowName(start, "day", zone, true),
    }));
  return [
    totals(meter, series, bounds, zone),
    chart({
      bars,
      window: chosen.window,
      label: `${meter.name}: ${decimal(series.total)} in total`,
      now: context.now,
      signal,
    }),
    groups && groupTable(groups, chosen.groupBy),
    barTable(meter, bars),
  ];
}

function totals(meter, series, { from, to }, zone) {
  const notes = { uniqueCount: "distinct over the whole range; bars do not add up to it", max: "the largest" };
  return h(
    "p",
    { class: "total" },
    h("span", { class: "total-value" }, decimal(series.total)),
    h(
      "span",
      { class: "muted" },
      `${meter.name.toLowerCase()}, ${notes[meter.aggregation] ?? "in total"} · ${period({ start: from, end: to }, zone)}`,
    ),
  );
}

function barTable(meter, bars) {
  const used = bars.filter(({ value }) => value !== "0");
  const rows = used.map(({ name, value }) =>
    h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "number" }, decimal(value))),
  );
  return h(
    "details",
    { class: "more" },
    h("summary", {}, "As a table"),
    used.length === 0
      ? h("p", { class: "muted" }, "There is no usage in this range.")
      : table(`${meter.name} by ${chosen.window}`, ["Window", { label: meter.name, class: "number" }], rows),
    used.length > 0 && h("p", { class: "hint" }, "Windows without usage are left out."),
  );
}

function groupTable(groups, dimension) {
  // For order only: which group is larger needs no last digit.
  const sorted = [...groups.data].sort((a, b) => Number(b.value) - Number(a.value)).slice(0, GROUPS_SHOWN_MAX);
  const largest = String(Number(sorted[0]?.value ?? 1));
  const rows = sorted.map(({ group, value }) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, group[dimension] ?? "none"),
      h("td", { class: "share" }, h("progress", { max: largest, value: String(Number(value)), "aria-hidden": "true" })),
      h("td", { class: "number" }, decimal(value)),
    ),
  );
  return table(
    `Usage by ${dimension}`,
    [dimension, { label: "", class: "share" }, { label: "Value", class: "number" }],
    rows,
  );
}
