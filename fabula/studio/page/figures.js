// How numbers are written, everywhere alike.

const whole = new Intl.NumberFormat("en");

/** @param {number} value */
export function count(value) {
  return whole.format(Math.round(value));
}

/**
 * A number as axes and readouts show it: three digits that say something.
 *
 * @param {number} value
 */
export function short(value) {
  const size = Math.abs(value);
  if (size >= 1000) return count(value);
  if (size > 0 && size < 0.001) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

/**
 * A share as percent, with as many digits as say something.
 *
 * @param {number} share
 */
export function percent(share) {
  const value = share * 100;
  if (value >= 99.95) return "100 %";
  if (value >= 10) return `${value.toFixed(0)} %`;
  if (value >= 1) return `${value.toFixed(1)} %`;
  if (value >= 0.01) return `${value.toFixed(2)} %`;
  return "< 0.01 %";
}

/**
 * How surprising something of this ln p is, in bits.
 *
 * @param {number} logProbability
 */
export function bits(logProbability) {
  return -logProbability / Math.LN2;
}

/**
 * A token as words speak of it.
 *
 * @param {string} text
 */
export function quoted(text) {
  const trimmed = text.trim();
  if (trimmed) return `“${trimmed}”`;
  if (text.includes("\n")) return "a new line";
  return text ? "a space" : "the end";
}
