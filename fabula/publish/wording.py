"""What a model card says; each number is a placeholder that names its record (see `fabula.publish.records`).

`$name` is a word that the card's code chooses: a claim, a probe, a series, a unit.
"""

TECHNICAL = (
    "GPT-3.5",
    "GPT-4",
    "float32",
    "bfloat16",
    "SHA-256",
    "arXiv:2305.07759",
    "Apache-2.0",
    "apache-2.0",
    "CDLA-Sharing-1.0",
    "cdla-sharing-1.0",
    "outputs[0]",
    "95 %",
)
"""The only digits allowed in these texts: parts of names and of code, and the level of every interval."""

FRONT_MATTER = """---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-generation
tags:
- fabula
- llama
- story-generation
- small-language-model
- training-dynamics
"""
DATASETS = """datasets:
- roneneldan/TinyStories
"""
MODEL_INDEX = """model-index:
- name: <<derived.name|json>>
  results:
  - task:
      type: text-generation
      name: Held-out text
    dataset:
      name: <<study.corpus_name|json>>
      type: $dataset
      split: validation
    metrics:
    - type: bits_per_byte
      name: Bits per byte
      value: <<$ladder.value|bits>>
---
"""

TITLE = """
# <<derived.name>>: a narrative model of <<$series.parameters|millions>> parameters

<!-- Written by `fabula export $what --to card`; every number is looked up in a record, see the end. -->
"""
SERIES = """
A Llama decoder trained from nothing on short stories in simple English, as a series of checkpoints, and measured
checkpoint by checkpoint by Fabula <<study.fabula>>. Its last checkpoint stands at step
<<checkpoint.step|count>> of <<recipe.train.steps|count>>, after <<checkpoint.tokens|count>> target tokens.
"""
SINGLE = """
A Llama decoder, measured by Fabula <<study.fabula>> as it is: a single model, not a series of checkpoints. What it can
do was measured, and not when it came to it.
"""
FINDINGS = """
- held-out loss: <<$ladder.value|bits>> bits/byte, 95 % interval [<<$ladder.low|bits>>, <<$ladder.high|bits>>]
  (<<$ladder.n|count>> stories)
- supported by the study: <<derived.supported>>
- not supported: <<derived.unsupported>>
- undecided: <<derived.undecided>>
- not measured: <<derived.unmeasured>>

"Supported" speaks of preferences between texts, set against the best simple rule on the same questions. The model
prefers, or finds more likely; nothing here says that it comprehends.
"""

ARCHITECTURE = """
## Architecture

| | |
| --- | --- |
| kind | Llama decoder: RMSNorm, rotary positions, SwiGLU, no biases |
| parameters | <<$series.parameters|count>> |
| width | <<config.hidden_size|count>> |
| layers | <<config.num_hidden_layers|count>> |
| heads (query, key and value) | <<config.num_attention_heads|count>>, <<config.num_key_value_heads|count>> |
| inner width of the feed-forward block | <<config.intermediate_size|count>> |
| vocabulary | <<config.vocab_size|count>> |
| context | <<config.max_position_embeddings|count>> |
| base of the rotary frequencies | <<config.rope_theta|plain>> |
| input and output embeddings shared | <<config.tie_word_embeddings|plain>> |
| weights stored as | <<config.dtype>> |
"""
REFERENCE_SHAPE = """
The shape is that of the reference card, which states <<reference.parameters|millions>> parameters. A plain Llama of
these sizes has <<$series.parameters|count>>, which is <<derived.missing_parameters|count>> fewer. The card's final
training loss of <<reference.training_loss|plain>> is a claim; what this run measured stands under Evaluation.
"""

PROGRESSION = """
## Progression, phase by phase

The reference card says that five abilities emerge one after the other. Its steps are scaled to the length of this
run, and each statement stands here beside what was measured.
"""
CLAIMS = """
## Claim by claim

The reference card names abilities of a finished model; each stands here beside what was measured.
"""
RULES = """
Questions, thresholds and statistics are those of this
version of Fabula, the same for every model (rules version <<verdicts.rules_version>>,
SHA-256 `<<verdicts.rules_sha256|hash>>`).

In the tables, "to beat" is the best simple rule on the same questions, or what broken stories score where stories
are measured; "ceiling" is the best possible value, or the best of any checkpoint studied, or what held-out stories
score.
"""
PHASES = """
That there are phases at all, in this order: **<<verdicts.phases[$group]>>** (probability of the order:
<<verdicts.order_probability[$group]|probability>>).
"""
PHASE = """
### Steps <<$claim.window[0]|count>> to <<$claim.window[1]|count>>

Claimed: *<<$about.title>>*. Measured, at the end of these steps and of training: **<<$claim.capability>>**. That it is
learned in these steps: **<<$claim.timing>>**.

$evidence
May be said: <<$claim.wording>>.
"""
FURTHER = """
### At the end of training

Claimed: *<<$about.title>>*. Measured: **<<$claim.capability>>**.

$evidence
May be said: <<$claim.wording>>.
"""
ABILITY = """
### <<$about.title>>

Measured: **<<$claim.capability>>**.

$evidence
May be said: <<$claim.wording>>.
"""
PROBES = """| what is asked | this model | 95 % interval | to beat | ceiling | half learned at step | verdict |
| --- | --- | --- | --- | --- | --- | --- |
"""
PROBE = (
    "| <<$about.question>> | <<$key.value|$unit>> | $interval | <<$key.baseline|$unit>> | <<$key.ceiling|$unit>> "
    "| <<$key.half|step>> | <<$key.capability>> |\n"
)
INTERVAL = "<<$key.interval[0]|$unit>> to <<$key.interval[1]|$unit>>"
UNMEASURED = """
### <<$about.title>>

Claimed, and not measured by this study.
"""
NOT_MEASURED = "This study measured none of the probes that decide here.\n"

CONFIGURATION = """
## Configuration

| | |
| --- | --- |
| optimizer | <<recipe.optimizer.kind>> |
| weight decay | <<recipe.optimizer.weight_decay|plain>> (<<recipe.optimizer.decay>>) |
| peak learning rate | <<recipe.optimizer.learning_rate|plain>> |
| schedule | <<recipe.schedule.kind>>, warm-up share <<recipe.schedule.warmup_fraction|plain>> |
| steps | <<recipe.train.steps|count>> |
| positions in a step | <<recipe.train.tokens_per_step|count>> |
| packing | <<recipe.train.packing>> |
| gradient clipping | <<recipe.train.gradient_clip|plain>> |
| precision of products | <<recipe.train.precision>> |
| seed | <<recipe.train.seed|plain>> |
| machine | <<run.machine.processor>>, <<run.machine.device>> |
| versions | Fabula <<run.versions.fabula>>, PyTorch <<run.versions.torch>>, Python <<run.versions.python>> |
"""
BEGUN = "| begun with the weights of | <<recipe.train.start_from|base>> |\n"
MEAN = "| its weights are the mean of those of | <<run.mean_of|name>> |\n"
COST = "| time, peak memory | <<metrics[-1].seconds|duration>>, <<metrics[-1].memory_bytes|gib>> |\n"
FIELDS = """
Every other field stands in `recipe.toml`.
"""
NO_CONFIGURATION = """
## Configuration

How it was trained is not on record here.
"""

DATASET = """
## Dataset

Source: <<run.corpus.source|name>> (token store `<<run.corpus.hash|hash>>`, tokenizer: <<recipe.tokenizer.kind>>).
"""
TINYSTORIES = """
TinyStories (Eldan and Li, arXiv:2305.07759), stories by GPT-3.5 and GPT-4 for three- to four-year-olds, licensed
CDLA-Sharing-1.0.
"""
STORY_WORLD = """
Stories that Fabula's built-in story world tells: seed <<recipe.corpus.seed|plain>>, <<derived.stories|count>>
training stories. They are made by rules, with few plots and a small vocabulary.
"""
STATED = """
<<run.data.licence>>.
"""
OTHER_FILES = """
Story files of the person who trained it; their origin and licence are not on record.
"""

USAGE = """
## Usage

In the folder of $folder:

```python
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

model_path = "<<derived.path>>"

tokenizer = AutoTokenizer.from_pretrained(model_path)
model = AutoModelForCausalLM.from_pretrained(model_path, torch_dtype=torch.bfloat16, device_map="auto")

prompt = "Once upon a time, a boy found a silver key."
inputs = tokenizer(prompt, return_tensors="pt").to(model.device)
outputs = model.generate(
    **inputs,
    max_new_tokens=<<sampling.max_new_tokens|plain>>,
    do_sample=True,
    temperature=<<sampling.temperature|plain>>,
    top_p=<<sampling.top_p|plain>>,
    repetition_penalty=<<sampling.repetition_penalty|plain>>,
)
print(tokenizer.decode(outputs[0], skip_special_tokens=True))
```

The same from a terminal: `fabula generate "Once upon a time, a boy found a silver key." --model .`

The tokenizer puts an end-of-text token in front of the prompt, because training put one in front of every story.
"""

EVALUATION = """
## Evaluation

| measurement | value | 95 % interval | of |
| --- | --- | --- | --- |
| held-out loss, bits/byte | <<$ladder.value|bits>> | <<$ladder.low|bits>> to <<$ladder.high|bits>> | $stories |
| held-out loss, nats/byte | <<$ladder.value|loss>> | <<$ladder.low|loss>> to <<$ladder.high|loss>> | $stories |
"""
STORIES = "<<$ladder.n|count>> held-out stories"
PINNED = (
    "| all held-out stories, nats/token | <<evaluation.nats_per_token|loss>> | "
    "<<evaluation.nats_per_token_interval[0]|loss>> to <<evaluation.nats_per_token_interval[1]|loss>> | "
    "<<evaluation.stories|count>> stories |\n"
    "| all held-out stories, bits/byte | <<evaluation.bits_per_byte|loss>> | "
    "<<evaluation.bits_per_byte_interval[0]|loss>> to <<evaluation.bits_per_byte_interval[1]|loss>> | "
    "<<evaluation.stories|count>> stories, of which <<evaluation.stories_in_training|count>> in training |\n"
)
TRAINING_LOSS = "| training loss of the last batch, nats/token | <<checkpoint.loss|loss>> | | one batch |\n"
HELD_OUT = """
Held out: the validation split of <<study.corpus_name>> (token store `<<study.corpus_hash|hash>>`). Suite
`<<study.suite>>`, seed <<study.seed|plain>>, <<derived.checkpoints|count>> checkpoint(s); the study's `report.html`
has every curve.
"""

LIMITS = """
## Limits

- It tells short stories in simple English, which may contradict themselves. It knows no facts, follows no
  instructions and speaks no other language.
- Nothing was done to make its stories safe, kind or true; read them before a child does.
- Verdicts rest on <<derived.seeds|count>> run(s) that differ only in their seed. With fewer than three, a capability
  may be an accident of one seed, and the time when it came stays undecided.
- Questions come from the corpus and from templates in its words: a preference here says little about other text.
- An undecided verdict is no soft yes.
"""
REFUSED = "- Not measured, because the questions failed a check: <<derived.refused>>.\n"

CITATION = """
## Citation

```bibtex
@software{fabula,
  title = {Fabula: train small storytelling language models and measure how storytelling emerges},
  author = {The Fabula developers},
  version = {<<study.fabula>>},
  license = {Apache-2.0}
}
```
"""

SOURCES = """
## Where the numbers come from

<details>
<summary>Every number above, its file and its field</summary>

| written | file | record |
| --- | --- | --- |
$rows

`evaluation.json` is what `fabula evaluate $what --json` printed; `fabula train` and `fabula study` wrote the rest.

</details>
"""
