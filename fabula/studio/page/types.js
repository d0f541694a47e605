/**
 * What the server answers and what the page keeps, see the studio's documentation.
 *
 * @typedef {object} Model
 * @property {string} id
 * @property {string} label
 * @property {string | null} run the id of the run whose checkpoint it is
 * @property {number | null} step
 * @property {number | null} tokens that it had read
 * @property {number} parameters
 * @property {number} context in tokens
 * @property {number} vocabulary
 * @property {number[]} [end_of_text] tokens that end a story
 *
 * @typedef {{ name: string, start: number, end: number }} Phase
 *
 * @typedef {object} Run
 * @property {string} id
 * @property {string} label
 * @property {number} steps that it has when it is finished
 * @property {Phase[]} phases
 * @property {string[]} models ids, by step
 * @property {boolean} live
 * @property {boolean} has_study
 *
 * @typedef {object} KnobRange
 * @property {any} default
 * @property {number | null} low
 * @property {number | null} high
 * @property {string} sentence
 *
 * @typedef {object} Catalog
 * @property {Model[]} models
 * @property {Run[]} runs
 * @property {string} default id of a model
 * @property {Record<string, KnobRange>} sampling
 *
 * @typedef {{ token: number, text: string, log_probability: number }} Alternative
 *
 * @typedef {object} Step
 * @property {number} token
 * @property {string} text what it adds to the story
 * @property {number | null} log_probability nats; null where nothing came before
 * @property {Alternative[]} alternatives the most probable first
 *
 * @typedef {Record<string, any>} Sampling
 *
 * @typedef {object} Branch
 * @property {string} name
 * @property {string | null} parent
 * @property {number} at tokens before its first that belong to those it leaves
 * @property {number} seed
 * @property {Step[]} steps
 * @property {string} stop_reason
 *
 * @typedef {{ format_version: 1, prompt: string, sampling: Sampling, branches: Branch[] }} Tree
 *
 * @typedef {object} Order
 * @property {string[]} models
 * @property {string} prompt
 * @property {number[]} after tokens of the story so far
 * @property {Sampling} sampling
 * @property {number} alternatives
 *
 * @typedef {{ kind: "token", story: number, steps: Step[] }
 *   | { kind: "end", story: number, stop_reason: string, tokens: number, seconds: number }
 *   | { kind: "error", story: number, message: string }
 *   | { kind: "done" }} Event what comes while stories are told
 *
 * @typedef {{ text: string, first: number, last: number, nats: number, nats_per_token: number }} Sentence
 * @typedef {{ sentences: Sentence[], tokens: Step[] }} Reading
 * @typedef {{ tokens: string[], layers: number[][][] }} Attention weights by layer, head and earlier position
 *
 * @typedef {Record<"step" | "loss" | "bits_per_byte" | "learning_rate" | "tokens_per_second" | "seconds",
 *   (number | null)[]>} Rows
 *
 * @typedef {object} Metrics
 * @property {Rows} rows
 * @property {number} last_step
 * @property {number} steps
 * @property {boolean} live
 * @property {{ model: string, step: number }[]} checkpoints
 * @property {[step: number, bits: number, low: number, high: number][]} held_out bits per byte, from a study
 *
 * @typedef {object} ProbeCurve
 * @property {string} probe its name in the study
 * @property {string} title
 * @property {string} claim
 * @property {string} sentence
 * @property {number | null} chance
 * @property {number | null} baseline
 * @property {[number, number] | null} window steps in which it is claimed to emerge
 * @property {[step: number, value: number | null, low: number | null, high: number | null][]} points
 *
 * @typedef {object} View
 * @property {HTMLElement} element
 * @property {(parameters: URLSearchParams) => void} show
 * @property {() => void} [hide]
 */
export {};
