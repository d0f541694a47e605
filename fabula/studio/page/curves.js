// Curves over the steps of a training, drawn by uPlot in the page's own colours.

/** @import { Phase } from "./types.js" */

import { element } from "./elements.js";
import { count, short } from "./figures.js";
import uPlot from "./vendor/uPlot.esm.js";

/**
 * @typedef {object} Line
 * @property {(number | null)[]} values
 * @property {string} colour name of a colour of the page
 * @property {number} [width] 0: none is drawn
 * @property {boolean} [points] a mark at every value
 *
 * @typedef {object} Shape what a chart shows
 * @property {number[]} steps
 * @property {Line[]} lines
 * @property {[upper: number, lower: number] | null} [band] lines between which it is shaded, counted from 1
 * @property {Phase[]} [phases]
 * @property {number[]} [ticks] steps marked at the bottom
 * @property {[number, number] | null} [window] steps that are shaded
 * @property {{ value: number, dash: number[] }[]} [levels] horizontal lines
 * @property {boolean} [log] steps by their logarithm
 * @property {[number, number]} [range] of the values
 *
 * @typedef {object} Settings
 * @property {number} height in rem
 * @property {string} [sync] charts of one name share the cursor
 * @property {(step: number | null, values: (number | null)[]) => void} [point] the cursor is at a step, or at none
 * @property {(value: number) => string} [format]
 */

/** A colour of the page as canvases understand it. @param {string} name */
export function colour(name) {
  const probe = element("span", { hidden: true });
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

export class Chart {
  /** @param {Settings} settings */
  constructor(settings) {
    this.settings = settings;
    /** @type {Shape | null} */
    this.shape = null;
    /** @type {uPlot | null} */
    this.plot = null;
    this.made = ""; // what a new plot would be needed for
    this.element = element("div", { class: "chart", "aria-hidden": "true" });
    new ResizeObserver(() => this.#fit()).observe(this.element);
    document.addEventListener("appearance", () => this.#draw(true));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw(true));
  }

  /** @param {Shape} shape */
  show(shape) {
    this.shape = shape;
    this.#draw(false);
  }

  /** @param {boolean} anew */
  #draw(anew) {
    const shape = this.shape;
    const width = this.element.clientWidth;
    if (!shape || !width) return;
    const data = /** @type {uPlot.AlignedData} */ (/** @type {unknown} */ (cut(shape)));
    const kind = `${shape.log} ${shape.lines.length} ${shape.band}`;
    if (this.plot && kind === this.made && !anew) {
      this.plot.setData(data);
      return;
    }
    this.plot?.destroy();
    this.made = kind;
    this.plot = new uPlot(this.#options(shape, width), data, this.element);
  }

  #fit() {
    const width = this.element.clientWidth;
    if (this.plot && width) this.plot.setSize({ width, height: this.#height() });
    else this.#draw(false);
  }

  #height() {
    return this.settings.height * rem();
  }

  /** @param {Shape} shape @param {number} width @returns {uPlot.Options} */
  #options(shape, width) {
    const [ink, grid] = [colour("muted"), colour("grid")];
    const font = `${Math.round(rem() * 0.72)}px ${getComputedStyle(document.body).getPropertyValue("--sans")}`;
    const format = this.settings.format ?? short;
    const axis = { stroke: ink, font, ticks: { show: false }, border: { show: false }, gap: 6 };
    return {
      width,
      height: this.#height(),
      padding: [10, 8, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: false, y: false },
        points: { size: 7, width: 1.5 },
        ...(this.settings.sync ? { sync: { key: this.settings.sync } } : {}),
      },
      scales: {
        x: { time: false, distr: shape.log ? 3 : 1 },
        y: shape.range ? { range: shape.range } : {},
      },
      axes: [
        {
          ...axis,
          size: rem() * 1.6,
          space: rem() * 3.6,
          grid: { show: false },
          values: (_, values) => values.map((value) => (value === null || (shape.log && !roundStep(value)) ? "" : thousands(value))),
        },
        { ...axis, size: rem() * 3.1, space: rem() * 2, grid: { stroke: grid, width: 1 }, values: (_, values) => values.map((value) => format(value)) },
      ],
      series: [{}, ...shape.lines.map((line) => series(line))],
      bands: shape.band ? [{ series: shape.band, fill: faint(colour("accent"), 0.18) }] : [],
      hooks: {
        drawClear: [(plot) => this.#behind(plot)],
        draw: [(plot) => this.#before(plot)],
        setCursor: [(plot) => this.#pointed(plot)],
      },
    };
  }

  /** @param {uPlot} plot */
  #pointed(plot) {
    const index = plot.cursor.idx;
    if (index === null || index === undefined) this.settings.point?.(null, []);
    else this.settings.point?.(plot.data[0][index] ?? null, plot.data.slice(1).map((values) => values[index] ?? null));
  }

  /** Draw what lies behind the curves. @param {uPlot} plot */
  #behind(plot) {
    const shape = this.shape;
    if (!shape) return;
    const { ctx, bbox } = plot;
    ctx.save();
    for (const [place, phase] of (shape.phases ?? []).entries()) {
      if (place % 2 === 0) rectangle(plot, phase.start, phase.end, colour("phase-shade"));
    }
    if (shape.window) rectangle(plot, ...shape.window, colour("window"));
    for (const { value, dash } of shape.levels ?? []) {
      const y = plot.valToPos(value, "y", true);
      ctx.strokeStyle = colour("muted");
      ctx.lineWidth = devicePixelRatio;
      ctx.setLineDash(dash.map((part) => part * devicePixelRatio));
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    ctx.restore();
  }

  /** Draw what lies before the curves. @param {uPlot} plot */
  #before(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.fillStyle = colour("accent");
    for (const step of this.shape?.ticks ?? []) {
      const x = plot.valToPos(Math.max(step, this.shape?.log ? 1 : 0), "x", true);
      if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1) continue;
      ctx.fillRect(x - devicePixelRatio, bbox.top + bbox.height - 6 * devicePixelRatio, 2 * devicePixelRatio, 6 * devicePixelRatio);
    }
    ctx.restore();
  }
}

/** @param {Line} line @returns {uPlot.Series} */
function series(line) {
  const stroke = colour(line.colour);
  const width = line.width ?? 1.5;
  return { stroke: width ? stroke : "transparent", width, spanGaps: true, points: { show: line.points ?? false, size: 5, fill: stroke, stroke } };
}

/** Leave out step 0 where steps are shown by their logarithm. @param {Shape} shape */
function cut(shape) {
  const first = shape.log ? shape.steps.findIndex((step) => step >= 1) : 0;
  return [shape.steps.slice(first), ...shape.lines.map((line) => line.values.slice(first))];
}

/** @param {uPlot} plot @param {number} start @param {number} end @param {string} fill */
function rectangle(plot, start, end, fill) {
  const { ctx, bbox } = plot;
  const least = plot.scales.x?.min ?? 0;
  const left = Math.max(bbox.left, plot.valToPos(Math.max(start, least), "x", true));
  const right = Math.min(bbox.left + bbox.width, plot.valToPos(Math.max(end, least), "x", true));
  ctx.fillStyle = fill;
  if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
}

/** @param {string} rgb @param {number} share */
function faint(rgb, share) {
  return rgb.replace(/^rgb\(([^)]*)\)$/, (_, parts) => `rgba(${parts}, ${share})`);
}

/** Whether a step is a power of ten: the others would crowd an axis of logarithms. @param {number} value */
function roundStep(value) {
  return Number.isInteger(Math.round(Math.log10(value) * 1e6) / 1e6);
}

/** @param {number} value */
function thousands(value) {
  return value >= 10_000 ? `${short(value / 1000)}k` : count(value);
}

function rem() {
  return parseFloat(getComputedStyle(document.documentElement).fontSize);
}
