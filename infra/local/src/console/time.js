// Civil time in a tenant's time zone: where its hours, days and months begin. The API counts usage by local hours and
// refuses bounds that lie inside one. Instants are milliseconds since the epoch.

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Most windows of one chart, so that a bar stays wide enough to point at. */
export const WINDOWS_MAX = 400;

const formats = new Map();

function civilParts(at, timeZone) {
  if (!formats.has(timeZone)) {
    const number = {
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    };
    formats.set(timeZone, new Intl.DateTimeFormat("en-US", { timeZone, hourCycle: "h23", ...number }));
  }
  const parts = formats.get(timeZone).formatToParts(new Date(at));
  return Object.fromEntries(parts.map(({ type, value }) => [type, Number(value)]));
}

/** How far the zone's clocks are ahead of UTC at an instant. */
function offsetAt(at, timeZone) {
  const { year, month, day, hour, minute, second } = civilParts(at, timeZone);
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
}

/** The first instant of a civil day; months and days may overflow, as in `Date.UTC`. */
function dayStart(year, month, day, timeZone) {
  const asUtc = Date.UTC(year, month - 1, day);
  const first = asUtc - offsetAt(asUtc, timeZone);
  const second = asUtc - offsetAt(first, timeZone);
  // Where the clocks skip midnight neither fits, and the day begins with the skip, which is the later one.
  return offsetAt(second, timeZone) === asUtc - second ? second : Math.max(first, second);
}

/** The first instant of the window that holds `at`, `shift` windows later. */
export function windowStart(at, window, timeZone, shift = 0) {
  const { year, month, day, minute, second } = civilParts(at, timeZone);
  switch (window) {
    case "hour":
      return Math.floor(at / 1000) * 1000 - minute * MINUTE_MS - second * 1000 + shift * HOUR_MS;
    case "day":
      return dayStart(year, month, day + shift, timeZone);
    case "month":
      return dayStart(year, month + shift, 1, timeZone);
    default:
      throw new RangeError(`no such window: ${window}`);
  }
}

/** The starts of the windows from `from` to before `to`. */
export function windowStarts(from, to, window, timeZone) {
  const starts = [];
  let at = from;
  while (at < to && starts.length < WINDOWS_MAX) {
    starts.push(at);
    at = windowStart(at, window, timeZone, 1);
  }
  return starts;
}

/** Whether the windows of this width between two instants fit on one chart. */
export function windowsFit(from, to, window) {
  const width = { hour: HOUR_MS, day: 24 * HOUR_MS, month: 28 * 24 * HOUR_MS }[window];
  return (to - from) / width <= WINDOWS_MAX;
}

/** The civil date of an instant, `YYYY-MM-DD`. */
export function civilDate(at, timeZone) {
  const { year, month, day } = civilParts(at, timeZone);
  const two = (number) => String(number).padStart(2, "0");
  return `${year}-${two(month)}-${two(day)}`;
}

/** The first instant of a civil date. */
export function startOfDate(date, timeZone, shift = 0) {
  const [year, month, day] = date.split("-").map(Number);
  return dayStart(year, month, day + shift, timeZone);
}

/** An instant as the API writes it. */
export function rfc3339(at) {
  return new Date(at).toISOString();
}
