// A bar chart as inline SVG: axes, one bar a window, the value under the pointer or the arrow keys. Floats live here
// only, for lengths on the screen; what is written beside a bar is the decimal string of the answer.

import { h, svg } from "./dom.js";
import { compact, decimal } from "./format.js";

const HEIGHT = 280;
const MARGIN = { top: 14, right: 10, bottom: 28, left: 50 };
/** Steps of the value axis, at the most. */
const TICK_STEPS_MAX = 5;
const LABEL_WIDTH = 58;
const BAR_WIDTH_MAX = 56;
/** How many windows lie between two labels of the axis, at the least that fits. */
const LABEL_STEPS = {
  hour: [1, 2, 3, 6, 12, 24, 48, 96, 192],
  day: [1, 2, 5, 7, 14, 30, 60, 120],
  month: [1, 2, 3, 6, 12],
};

/** A figure that fills its container's width and follows it. */
export function chart({ bars, window, label, now, signal }) {
  const tip = h("div", { class: "tip", hidden: true });
  const spoken = h("p", { class: "unseen", "aria-live": "polite" });
  const drawing = svg("svg", {
    class: "chart",
    role: "img",
    tabindex: "0",
    "data-key": "chart",
    height: HEIGHT,
    width: "100%",
    "aria-label": `${label}. Use the arrow keys to read single bars, or the table below.`,
  });
  const figure = h("figure", { class: "chart-place" }, drawing, tip, spoken);
  const state = { bars, window, drawing, tip, spoken, width: 0, chosen: -1, now: null };
  const observer = new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width === 0 || contentRect.width === state.width) return;
    state.width = contentRect.width;
    draw(state);
  });
  observer.observe(figure);
  signal.addEventListener("abort", () => observer.disconnect(), { once: true });
  void now()
    .then((at) => {
      state.now = at;
      if (state.width > 0) draw(state);
    })
    .catch(() => {});
  listen(state);
  return figure;
}

function listen(state) {
  const { drawing } = state;
  drawing.addEventListener("pointermove", (event) => choose(state, indexAt(state, event.offsetX)));
  drawing.addEventListener("pointerdown", (event) => choose(state, indexAt(state, event.offsetX)));
  drawing.addEventListener("pointerleave", () => choose(state, -1));
  drawing.addEventListener("blur", () => choose(state, -1));
  drawing.addEventListener("keydown", (event) => {
    const last = state.bars.length - 1;
    const next = { ArrowLeft: state.chosen - 1, ArrowRight: state.chosen + 1, Home: 0, End: last, Escape: -1 }[
      event.key
    ];
    if (next === undefined) return;
    event.preventDefault();
    choose(state, event.key === "Escape" ? -1 : Math.min(Math.max(next, 0), last));
    const bar = state.bars[state.chosen];
    state.spoken.textContent = bar ? `${bar.name}: ${decimal(bar.value)}` : "";
  });
}

function indexAt(state, x) {
  const index = Math.floor((x - MARGIN.left) / step(state));
  return index >= 0 && index < state.bars.length ? index : -1;
}

function step({ width, bars }) {
  return (width - MARGIN.left - MARGIN.right) / bars.length;
}

function draw(state) {
  const { drawing, width, bars } = state;
  const values = bars.map(({ value }) => Number(value));
  const ticks = ticksFor(Math.max(...values, 0));
  state.y = (value) => HEIGHT - MARGIN.bottom - (value / ticks.at(-1)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  state.values = values;
  drawing.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  drawing.replaceChildren(...grid(state, ticks), ...barShapes(state), ...windowLabels(state), ...nowLine(state));
  if (values.every((value) => value === 0)) {
    drawing.append(
      svg(
        "text",
        { class: "chart-empty", x: (MARGIN.left + width) / 2, y: HEIGHT / 2, "text-anchor": "middle" },
        "No usage in this range",
      ),
    );
  }
  choose(state, state.chosen);
}

/** Round numbers from 0 to at least `max`, a few of them. */
function ticksFor(max) {
  const rough = Math.max(max, 1) / TICK_STEPS_MAX;
  const power = 10 ** Math.floor(Math.log10(rough));
  const size = Math.max(power * [1, 2, 5, 10].find((factor) => factor * power >= rough), max < 1 ? 0 : 1);
  const count = Math.max(Math.ceil(max / size), 1);
  return Array.from({ length: count + 1 }, (_, index) => index * size);
}

function grid({ width, y }, ticks) {
  return ticks.flatMap((tick) => [
    svg("line", {
      class: tick === 0 ? "axis" : "grid",
      x1: MARGIN.left,
      x2: width - MARGIN.right,
      y1: y(tick),
      y2: y(tick),
    }),
    svg(
      "text",
      { class: "axis-text", x: MARGIN.left - 8, y: y(tick), "text-anchor": "end", "dominant-baseline": "central" },
      compact(tick),
    ),
  ]);
}

function barShapes(state) {
  const each = step(state);
  const width = Math.max(Math.min(each * 0.72, BAR_WIDTH_MAX), 1);
  return state.values.map((value, index) => {
    const top = state.y(value);
    const height = HEIGHT - MARGIN.bottom - top;
    // A bar that is not zero is seen, however small beside the others.
    const seen = value > 0 ? Math.max(height, 1.5) : 0;
    return svg("rect", {
      class: "bar",
      x: MARGIN.left + each * (index + 0.5) - width / 2,
      y: HEIGHT - MARGIN.bottom - seen,
      width,
      height: seen,
      rx: Math.min(2, width / 4),
    });
  });
}

function windowLabels(state) {
  const each = step(state);
  const every = LABEL_STEPS[state.window].find((count) => count * each >= LABEL_WIDTH) ?? state.bars.length;
  return state.bars.flatMap((bar, index) => {
    if (!isLabelled(state, bar, index, every)) return [];
    const text = state.window === "hour" && bar.short === "00:00" ? bar.day : bar.short;
    const x = MARGIN.left + each * (index + 0.5);
    return [svg("text", { class: "axis-text", x, y: HEIGHT - 8, "text-anchor": "middle" }, text)];
  });
}

/** Hours are labelled at round hours of the day, the rest by counting. */
function isLabelled(state, bar, index, every) {
  if (state.window !== "hour") return index % every === 0;
  const hour = Number(bar.short.slice(0, 2));
  return every <= 24 ? hour % every === 0 : index % every === 0;
}

function nowLine(state) {
  const index = state.bars.findIndex((bar) => bar.start <= state.now && state.now < bar.end);
  if (state.now === null || index < 0) return [];
  const bar = state.bars[index];
  const x = MARGIN.left + step(state) * (index + (state.now - bar.start) / (bar.end - bar.start));
  return [
    svg(
      "line",
      { class: "now", x1: x, x2: x, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom },
      svg("title", {}, "now, by the local clock"),
    ),
  ];
}

function choose(state, index) {
  state.chosen = index;
  state.drawing.querySelectorAll(".bar").forEach((bar, at) => bar.classList.toggle("on", at === index));
  state.tip.hidden = index < 0;
  if (index < 0) return;
  const { name, value } = state.bars[index];
  state.tip.replaceChildren(h("b", {}, decimal(value)), h("span", {}, name));
  const half = state.tip.offsetWidth / 2;
  const x = MARGIN.left + step(state) * (index + 0.5);
  state.tip.style.left = `${Math.min(Math.max(x, half), state.width - half)}px`;
  state.tip.style.top = `${Math.max(state.y(state.values[index]) - state.tip.offsetHeight - 8, 0)}px`;
}
