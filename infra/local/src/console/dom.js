// Building blocks of the page: elements, buttons that wait, forms, dialogs, messages. Invariant: text reaches the page
// as text nodes and attributes only, never as markup, so that nothing a tenant wrote can run.

import { Problem, pause } from "./api.js";

const TOAST_LASTS_MS = 5000;
const TOASTS_MAX = 4;
const COPIED_LASTS_MS = 1600;
const REFRESH_EVERY_MS = 2000;

/** An element; `on…` properties are listeners, `true` is a bare attribute, null and false are left out. */
export function h(tag, properties, ...children) {
  return assemble(document.createElement(tag), properties, children);
}

/** An element of a drawing. */
export function svg(tag, properties, ...children) {
  return assemble(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
}

function assemble(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** Replaces what `container` holds; focus stays on the element with the same `data-key`. */
export function redraw(container, ...nodes) {
  const key = container.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  container.replaceChildren(...nodes.flat(Infinity).filter(Boolean));
  if (key) container.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

/** A button; while its work runs it waits, and what goes wrong is shown. */
export function button(label, work, properties) {
  const element = h("button", { type: "button", class: "button", ...properties }, label);
  element.addEventListener("click", () => busy(element, () => work(element)));
  return element;
}

async function busy(element, work) {
  if (element.getAttribute("aria-busy") === "true") return;
  element.setAttribute("aria-busy", "true");
  clearProblems();
  try {
    await work();
  } catch (error) {
    showProblem(error);
  } finally {
    element.removeAttribute("aria-busy");
  }
}

/** A button that copies `text`. */
export function copyButton(text, label = "Copy") {
  const element = button(
    label,
    async () => {
      await navigator.clipboard.writeText(text);
      element.textContent = "Copied";
      setTimeout(() => {
        element.textContent = label;
      }, COPIED_LASTS_MS);
    },
    { class: "button small copy" },
  );
  return element;
}

let fieldCount = 0;

/** A labelled control with an optional hint, and a place for what the API says against it. */
export function field(label, control, hint) {
  fieldCount += 1;
  const id = `field-${fieldCount}`;
  control.id = id;
  control.setAttribute("aria-describedby", `${id}-hint ${id}-error`);
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    control,
    h("p", { class: "hint", id: `${id}-hint`, hidden: !hint }, hint),
    h("p", { class: "field-error", id: `${id}-error`, hidden: true }),
  );
}

/** A drop-down of `[value, label]` pairs. */
export function select(name, options, chosen, onchange) {
  const items = options.map(([value, label]) => h("option", { value, selected: value === chosen }, label));
  return h("select", { name, onchange }, items);
}

/** A form whose work gets its values by name; refusals are shown at their fields. */
export function form(properties, work, ...children) {
  const element = h("form", properties, children);
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    clearFieldErrors(element);
    const values = Object.fromEntries([...new FormData(element)].map(([name, value]) => [name, value.trim()]));
    busy(element.querySelector("[type=submit]"), async () => {
      try {
        await work(values, element);
      } catch (error) {
        showFieldErrors(element, error);
        throw error;
      }
    });
  });
  return element;
}

function clearFieldErrors(element) {
  for (const place of element.querySelectorAll(".field-error")) place.hidden = true;
  for (const control of element.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
}

function showFieldErrors(element, error) {
  for (const { pointer = "", message } of error instanceof Problem ? error.errors : []) {
    const control = element.elements.namedItem(pointer.split("/")[1] ?? "");
    const place = control?.id && element.querySelector(`#${control.id}-error`);
    if (!place) continue;
    control.setAttribute("aria-invalid", "true");
    place.textContent = message;
    place.hidden = false;
  }
}

/** Asks in a dialog; `work` gets the form's values, and the dialog closes once that is done. */
export function ask({ title, body, action, danger, work }) {
  const cancel = h("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Cancel");
  const go = h("button", { type: "submit", class: danger ? "button danger" : "button primary" }, action);
  const content = form(
    {},
    async (values) => {
      await work(values);
      dialog.close();
    },
    h("h2", { id: "dialog-title" }, title),
    body,
    h("div", { class: "dialog-actions" }, cancel, go),
  );
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, content);
  const toasts = document.getElementById("toasts");
  dialog.addEventListener("close", () => {
    document.body.append(toasts);
    dialog.remove();
  });
  document.body.append(dialog);
  // Only what is inside a modal dialog can be seen above it and be reached.
  dialog.append(toasts);
  dialog.showModal();
  if (!content.querySelector("input, select, textarea")) go.focus();
}

/** Says that something worked. */
export function say(message) {
  const toast = h("div", { class: "toast", role: "status" }, h("p", {}, message));
  addToast(toast);
  setTimeout(() => toast.remove(), TOAST_LASTS_MS);
}

/** Takes away what went wrong before: a new try or another view has its own messages. */
export function clearProblems() {
  for (const toast of document.querySelectorAll(".toast.bad")) toast.remove();
}

/** Shows what went wrong until it is dismissed or tried again: code, detail, and each error of a refusal. */
export function showProblem(error) {
  if (error.name === "AbortError") return;
  const problem = error instanceof Problem ? error : { code: "console", message: error.message, errors: [] };
  if (!(error instanceof Problem)) console.error(error);
  // The detail of a refusal with one error often says just that error.
  const errors = problem.errors.filter(({ message }) => !message || !problem.message.includes(message));
  const toast = h(
    "div",
    { class: "toast bad", role: "alert" },
    h("button", { type: "button", class: "toast-close", "aria-label": "Dismiss", onclick: () => toast.remove() }, "×"),
    h("p", { class: "toast-code" }, h("code", {}, problem.code)),
    h("p", {}, problem.message),
    errors.length > 0 &&
      h(
        "ul",
        {},
        errors.map(({ pointer, code, message }) =>
          h("li", {}, pointer && h("code", {}, pointer), pointer && " ", message ?? code),
        ),
      ),
    problem.correlationId && h("p", { class: "toast-id" }, "correlation ", h("code", {}, problem.correlationId)),
  );
  addToast(toast);
}

function addToast(toast) {
  const container = document.getElementById("toasts");
  while (container.childElementCount >= TOASTS_MAX) container.firstElementChild.remove();
  container.append(toast);
}

/** A section with a heading and, beside it, its actions. */
export function section(title, actions, ...children) {
  return h(
    "section",
    { class: "section" },
    h("div", { class: "section-head" }, h("h2", {}, title), actions && h("div", { class: "actions" }, actions)),
    children,
  );
}

/** What stands where there is nothing yet, and what to do about it. */
export function empty(title, text, ...actions) {
  return h(
    "div",
    { class: "empty" },
    h("p", { class: "empty-title" }, title),
    h("p", {}, text),
    actions.length > 0 && h("div", { class: "actions" }, actions),
  );
}

/** A word in a pill; `tone` is good, bad, wait or none. */
export function badge(text, tone) {
  return h("span", { class: tone ? `badge ${tone}` : "badge" }, text);
}

/** A table; a column is a heading, or `{ label, class }`. Wide ones scroll inside their frame. */
export function table(caption, columns, rows, foot) {
  const headings = columns.map((column) => (typeof column === "string" ? { label: column } : column));
  return h(
    "div",
    { class: "table-frame" },
    h(
      "table",
      {},
      h("caption", { class: "unseen" }, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          headings.map(({ label, class: name }) =>
            h("th", { scope: "col", class: name }, label === "" ? h("span", { class: "unseen" }, "Actions") : label),
          ),
        ),
      ),
      h("tbody", {}, rows),
      foot && h("tfoot", {}, foot),
    ),
  );
}

/**
 * A table row whose first cell opens a second row below it. `opened` is the set of ids that are open, which outlives
 * the drawing; `fill` draws into the second row once it is open.
 */
export function openable({ opened, id, label, cells, fill }) {
  const place = h("div", { class: "opened" });
  const below = h("tr", { class: "below", id: `below-${id}` }, h("td", { colspan: 1 + cells.length }, place));
  const toggle = h(
    "button",
    { type: "button", class: "toggle", "data-key": `open-${id}`, "aria-controls": below.id },
    label,
  );
  const apply = () => {
    const isOpen = opened.has(id);
    toggle.setAttribute("aria-expanded", String(isOpen));
    below.hidden = !isOpen;
    if (isOpen) fill(place);
  };
  toggle.addEventListener("click", () => {
    if (!opened.delete(id)) opened.add(id);
    apply();
  });
  apply();
  return [h("tr", { class: "openable" }, h("th", { scope: "row" }, toggle), cells), below];
}

/** A secret that is shown this once. */
export function secretPanel(title, secret, note, ...more) {
  const shown =
    secret === null
      ? h("p", {}, "Its answer was lost on the way and a secret is never sent twice. Remove it and create another.")
      : h("div", { class: "secret" }, h("code", {}, secret), copyButton(secret));
  return h(
    "div",
    { class: "panel accent", role: "status" },
    h("p", { class: "panel-title" }, title),
    h("p", {}, note),
    shown,
    more,
  );
}

/**
 * Loads and draws into `container`, and again whenever the answer has changed, until the view is left. Answers a
 * function that does so at once.
 */
export function keepFresh(signal, container, load, draw, everyMs = REFRESH_EVERY_MS) {
  let before;
  const refresh = async () => {
    const answer = await load();
    const now = JSON.stringify(answer, (_, value) => (typeof value === "bigint" ? String(value) : value));
    if (signal.aborted || now === before) return;
    before = now;
    redraw(container, draw(answer));
  };
  const run = async () => {
    try {
      await refresh();
    } catch (error) {
      if (!signal.aborted) showFailure(error);
      return;
    }
    while (!signal.aborted) {
      await pause(everyMs, signal).catch(() => {});
      // A failed refresh keeps what is shown: the header says when the program stops answering.
      if (!signal.aborted && !document.hidden) await refresh().catch(() => {});
    }
  };
  const showFailure = (error) => {
    showProblem(error);
    redraw(
      container,
      empty(
        "This could not be loaded",
        error.message,
        button("Try again", () => void run()),
      ),
    );
  };
  void run();
  return refresh;
}
