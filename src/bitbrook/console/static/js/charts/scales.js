/** From values to places: linear scales with round ticks, and bands for categories. */

const ROUND_STEPS = [1, 2, 2.5, 5, 10];

/**
 * Return a linear scale from values to pixels, widened to round ends, with its ticks.
 * @param {number} low
 * @param {number} high
 * @param {number} from the pixel of the low end
 * @param {number} to the pixel of the high end
 * @param {number} [wanted] about how many ticks
 */
export function linear(low, high, from, to, wanted = 5) {
  const step = roundStep((high - low || Math.abs(high) || 1) / wanted);
  const first = Math.floor(low / step) * step;
  const last = Math.max(Math.ceil(high / step) * step, first + step);
  const place = (value) => from + ((value - first) / (last - first)) * (to - from);
  const ticks = Array.from({ length: Math.round((last - first) / step) + 1 },
    (_, index) => cleaned(first + index * step, step));
  return { place, ticks, first, last };
}

/**
 * Return places for categories, side by side with gaps.
 * @param {number} many
 * @param {number} from
 * @param {number} to
 * @param {number} [gap] share of a band
 */
export function bands(many, from, to, gap = 0.28) {
  const step = (to - from) / Math.max(many, 1);
  const width = step * (1 - gap);
  return { start: (index) => from + index * step + (step - width) / 2, width, step };
}

/**
 * Return ticks of times with their labels.
 * @param {number} low milliseconds
 * @param {number} high milliseconds
 * @param {number} wanted
 */
export function timeTicks(low, high, wanted) {
  const span = high - low;
  const format = new Intl.DateTimeFormat(undefined, span < 120_000
    ? { hour: "2-digit", minute: "2-digit", second: "2-digit" }
    : span < 172_800_000 ? { hour: "2-digit", minute: "2-digit" }
      : span < 63_072_000_000 ? { month: "short", day: "numeric" } : { year: "numeric" });
  return Array.from({ length: wanted }, (_, index) => {
    const at = low + (span * index) / Math.max(wanted - 1, 1);
    return { at, text: format.format(at) };
  });
}

function roundStep(rough) {
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = ROUND_STEPS.find((each) => each * magnitude >= rough * 0.999) ?? 10;
  return step * magnitude;
}

/** Cut off what binary fractions add: 0.30000000000000004. */
function cleaned(value, step) {
  const digits = Math.max(0, -Math.floor(Math.log10(step)) + 2);
  return Number(value.toFixed(Math.min(digits, 20)));
}
