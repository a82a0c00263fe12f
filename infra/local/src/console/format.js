// How numbers, money and times are written. Invariant: nothing here goes through a float; quantities and rates are
// decimal strings, amounts are BigInt minor units. The page speaks English, so it writes numbers the English way.

/** ISO 4217 exponents that are not 2. Not from Intl, whose table has no decimals for some currencies, such as IQD. */
const EXPONENTS = new Map([
  ...[
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "UYI",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
  ].map((code) => [code, 0]),
  ...["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"].map((code) => [code, 3]),
  ...["CLF", "UYW"].map((code) => [code, 4]),
]);

/** Minor units as an amount: `money(1900n, "USD")` is `$19.00`, `money(1900n, "JPY")` is `¥1,900`. */
export function money(minor, currency) {
  const exponent = EXPONENTS.get(currency) ?? 2;
  const amount = BigInt(minor);
  const digits = (amount < 0n ? -amount : amount).toString().padStart(exponent + 1, "0");
  const whole = digits.slice(0, digits.length - exponent);
  const fraction = exponent === 0 ? "" : `.${digits.slice(-exponent)}`;
  // A decimal string is formatted digit by digit; only its symbol and separators come from Intl.
  return currencyFormat(currency, exponent).format(`${amount < 0n ? "-" : ""}${whole}${fraction}`);
}

const currencyFormats = new Map();

function currencyFormat(currency, digits) {
  if (!currencyFormats.has(currency)) {
    const options = { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits };
    currencyFormats.set(currency, new Intl.NumberFormat("en-US", options));
  }
  return currencyFormats.get(currency);
}

/** A decimal string with its thousands grouped and every digit kept: `12345.670` is `12,345.67`. */
export function decimal(text) {
  const [whole, fraction = ""] = String(text).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  const kept = fraction.replace(/0+$/, "");
  return kept === "" ? grouped : `${grouped}.${kept}`;
}

/** An exact amount in major units, before it was rounded: `$4.7952`. */
export function exactAmount(text, currency) {
  const exponent = EXPONENTS.get(currency) ?? 2;
  const [, sign, digits] = /^(-?)(.*)$/.exec(text);
  const [whole, fraction = ""] = decimal(digits).split(".");
  const shown = exponent === 0 && fraction === "" ? whole : `${whole}.${fraction.padEnd(exponent, "0")}`;
  const symbol = currencyFormat(currency, exponent)
    .formatToParts(0)
    .find((part) => part.type === "currency").value;
  return `${sign}${symbol}${symbol === currency ? " " : ""}${shown}`;
}

/** Whether a decimal string of no sign is more than zero. */
export function isPositive(text) {
  return /[1-9]/.test(text ?? "");
}

/** A number for an axis, three digits long: `12.3K`. For the eye only. */
export function compact(number) {
  return new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 }).format(number);
}

/** `1 item`, `2 items`. */
export function plural(count, word) {
  return `${decimal(count)} ${word}${count === 1 ? "" : "s"}`;
}

const formats = new Map();

function dateFormat(timeZone, options) {
  const key = `${timeZone} ${JSON.stringify(options)}`;
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat("en-GB", { timeZone, ...options }));
  return formats.get(key);
}

const DAY = { day: "numeric", month: "short", year: "numeric" };
const MINUTE = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

/** An instant: `21 Nov 2026, 14:05`. */
export function instant(at, timeZone) {
  return dateFormat(timeZone, { ...DAY, ...MINUTE }).format(new Date(at));
}

/** An instant to the second: `21 Nov 2026, 14:05:09`. */
export function instantWithSeconds(at, timeZone) {
  return dateFormat(timeZone, { ...DAY, ...MINUTE, second: "2-digit" }).format(new Date(at));
}

/** The civil day of an instant: `21 Nov 2026`. */
export function day(at, timeZone) {
  return dateFormat(timeZone, DAY).format(new Date(at));
}

/** Civil days, first and last, both `YYYY-MM-DD`: `1–30 Nov 2026`. */
export function days(first, last) {
  const noon = (date) => new Date(`${date}T12:00:00Z`);
  return dateFormat("UTC", DAY).formatRange(noon(first), noon(last));
}

/** A half-open period by its civil days: its last day is the one before its end. */
export function period({ start, end }, timeZone) {
  return dateFormat(timeZone, DAY).formatRange(new Date(start), new Date(new Date(end).getTime() - 1));
}

/** The name of a window of a chart; `short` for its axis. */
export function windowName(start, window, timeZone, short) {
  const options = {
    hour: short ? MINUTE : { weekday: "short", ...DAY, ...MINUTE },
    day: short ? { day: "numeric", month: "short" } : { weekday: "short", ...DAY },
    month: short ? { month: "short" } : { month: "long", year: "numeric" },
  };
  return dateFormat(timeZone, options[window]).format(new Date(start));
}
