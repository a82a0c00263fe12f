// The list of tenants and the form that creates one.

import { platform } from "./api.js";
import { ask, field, h, redraw } from "./dom.js";

/** From this many tenants on, the list can be searched. */
const SEARCH_FROM = 10;
const SLUG_LENGTH_MAX = 63;
const ADDRESS_LINES_MAX = 6;
/** Languages of invoices, each by its own name. */
const LOCALES = [
  ["en", "English"],
  ["de", "Deutsch"],
  ["fr", "Français"],
  ["ja", "日本語"],
  ["zh", "中文"],
];
/** Names that browsers still list and the time zone database has replaced. */
const ZONES_RENAMED = new Map([
  ["Africa/Asmera", "Africa/Asmara"],
  ["America/Buenos_Aires", "America/Argentina/Buenos_Aires"],
  ["America/Godthab", "America/Nuuk"],
  ["America/Indianapolis", "America/Indiana/Indianapolis"],
  ["America/Louisville", "America/Kentucky/Louisville"],
  ["Asia/Calcutta", "Asia/Kolkata"],
  ["Asia/Katmandu", "Asia/Kathmandu"],
  ["Asia/Rangoon", "Asia/Yangon"],
  ["Asia/Saigon", "Asia/Ho_Chi_Minh"],
  ["Atlantic/Faeroe", "Atlantic/Faroe"],
  ["Europe/Kiev", "Europe/Kyiv"],
  ["Pacific/Enderbury", "Pacific/Kanton"],
]);

const list = document.getElementById("tenant-list");
let sought = "";

/** Draws the list; links keep the section that is open. */
export function drawTenants(tenants, chosenSlug, section) {
  const links = h(
    "ul",
    {},
    tenants.map((tenant) =>
      h(
        "li",
        { hidden: !matches(tenant) },
        h(
          "a",
          {
            href: `#/${tenant.slug}/${section}`,
            "data-key": `tenant-${tenant.id}`,
            "aria-current": tenant.slug === chosenSlug ? "page" : null,
          },
          h("span", { class: "tenant-name" }, tenant.name),
          h("span", { class: "tenant-slug" }, tenant.slug),
        ),
      ),
    ),
  );
  const search =
    tenants.length >= SEARCH_FROM &&
    h("input", {
      type: "search",
      placeholder: "Find a tenant",
      "aria-label": "Find a tenant",
      value: sought,
      "data-key": "tenant-search",
      oninput: (event) => {
        sought = event.target.value.trim().toLowerCase();
        tenants.forEach((tenant, index) => {
          links.children[index].hidden = !matches(tenant);
        });
      },
    });
  const none = tenants.length === 0 && h("p", { class: "muted side-empty" }, "Nobody is billed yet.");
  redraw(list, search, links, none);
}

function matches(tenant) {
  return sought === "" || `${tenant.name} ${tenant.slug}`.toLowerCase().includes(sought);
}

/** Asks for a new tenant; `created` gets it. */
export function newTenant(created) {
  const name = h("input", {
    name: "name",
    required: true,
    maxlength: 200,
    autocomplete: "off",
    placeholder: "Acme Corp",
  });
  const slug = h("input", {
    name: "slug",
    required: true,
    maxlength: SLUG_LENGTH_MAX,
    autocomplete: "off",
    spellcheck: "false",
    pattern: "[a-z]([a-z0-9_\\-]*[a-z0-9])?",
    placeholder: "acme",
    title: "Lower-case letters, digits, hyphens or underscores, starting with a letter",
  });
  let slugIsOwn = false;
  slug.addEventListener("input", () => {
    slugIsOwn = slug.value !== "";
  });
  name.addEventListener("input", () => {
    if (!slugIsOwn) slug.value = slugOf(name.value);
  });
  ask({
    title: "New tenant",
    action: "Create tenant",
    body: [
      field("Name", name),
      field("Slug", slug, "Short and unique; invoice numbers start with it."),
      field("Time zone", timeZoneInput(), "Where its billing days begin. It cannot change later."),
      h(
        "details",
        { class: "more" },
        h("summary", {}, "For the invoice (optional)"),
        field("Language", localeInput(), "Of its invoices and credit notes."),
        field("E-mail", h("input", { name: "email", type: "email", autocomplete: "off" })),
        field(
          "Address",
          h("textarea", { name: "address", rows: 4 }),
          `Up to ${ADDRESS_LINES_MAX} lines, country last.`,
        ),
        field("Tax id", h("input", { name: "taxId", autocomplete: "off" })),
      ),
    ],
    work: async (values) => created(await platform.post("/v1/tenants", tenantOf(values))),
  });
}

function tenantOf({ name, slug, timeZone, locale, email, address, taxId }) {
  const lines = address
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
  return {
    name,
    slug,
    timeZone,
    locale,
    ...(email && { email }),
    ...(lines.length > 0 && { address: lines }),
    ...(taxId && { taxId }),
  };
}

/** A slug for a name, as far as its letters allow: `Café Zürich` is `cafe-zurich`. */
function slugOf(name) {
  const plain = name.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return plain
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, SLUG_LENGTH_MAX)
    .replace(/-+$/, "");
}

function localeInput() {
  const options = LOCALES.map(([tag, name]) => h("option", { value: tag, lang: tag }, name));
  return h("select", { name: "locale" }, options);
}

function timeZoneInput() {
  const known = Intl.supportedValuesOf("timeZone").map((zone) => ZONES_RENAMED.get(zone) ?? zone);
  const zones = ["UTC", ...known.filter((zone) => zone !== "UTC").sort()];
  const options = [...new Set(zones)].map((zone) =>
    h("option", { value: zone, selected: zone === "UTC" }, zone.replaceAll("_", " ")),
  );
  return h("select", { name: "timeZone" }, options);
}
