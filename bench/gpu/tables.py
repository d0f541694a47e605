"""What was measured, as Markdown for docs/log.md."""

from collections.abc import Iterable
from typing import Any

from bench.tables import table

GB = 1e9
SPEED_HEAD = ("", "tokens/s", "gain", "TFLOP/s", "of ceiling", "MFU", "peak, GB", "step, s", "compile, s")


def markdown(found: dict[str, Any]) -> str:
    """Return the conditions and a table for each part that was measured."""
    sections = [
        _conditions(found),
        _checks(found),
        _ceiling(found),
        _speeds(found, "ladder", "Each rung with one technique more"),
        _speeds(found, "product", "`fabula train`"),
        _speeds(found, "peer", "`transformers`"),
        _watched(found),
        _memory(found),
        _race(found),
        _missing(found),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def results(found: dict[str, Any], part: str) -> dict[str, dict[str, Any]]:
    """Return a part's answers that are results."""
    answers = found["parts"].get(part, {})
    return {name: answer["result"] for name, answer in answers.items() if "result" in answer}


def _conditions(found: dict[str, Any]) -> str:
    told = results(found, "machine").get("machine")
    if not told:
        return ""
    machine, versions = told["machine"], told["versions"]
    smoke = "**A smoke run on a tiny model: its numbers mean nothing.** " if found["smoke"] else ""
    return (
        f"{smoke}{machine['device']}, {machine['processor']}, torch {versions['torch']}, CUDA {told.get('cuda')}, "
        f"fabula {versions['fabula']} ({told['commit']}), {found['date']}. Corpus: {found['corpus']}. "
        f"Command: `{found['command']}`."
    )


def _checks(found: dict[str, Any]) -> str:
    errors = results(found, "checks").get("checks", {})
    listed = ", ".join(f"{name} {error:.1e}" for name, error in errors.items())
    return f"Relative errors of bfloat16 against float32: {listed}." if errors else ""


def _ceiling(found: dict[str, Any]) -> str:
    told = _ceiling_of(found)
    if not told:
        return ""
    head = ("product", "inputs", "outputs", "TFLOP/s", "of ceiling", "us a 1,000 tokens")
    rows = [
        [
            entry["name"],
            f"{entry['inputs']:,}",
            f"{entry['outputs']:,}",
            f"{entry['flops_per_second'] / 1e12:.0f}",
            _percent(entry["flops_per_second"] / told["flops_per_second"]),
            f"{entry['seconds'] / told['rows'] * 1e9:.1f}",
        ]
        for entry in told["products"]
    ]
    alone = _percent(told["products_alone_of_ceiling"])
    text = (
        f"Ceiling: {told['side']}^3 in bfloat16 on random numbers, {told['flops_per_second'] / 1e12:.0f} TFLOP/s. "
        f"The model's products alone, forward and backward, would allow "
        f"{told['products_alone_tokens_per_second']:,.0f} tokens/s ({alone} of it)."
    )
    return "\n".join([text, "", *table(head, rows)])


def _ceiling_of(found: dict[str, Any]) -> dict[str, Any]:
    return results(found, "ceiling").get("matrix products", {})


def _speeds(found: dict[str, Any], part: str, title: str) -> str:
    """Return a part's rows; the gain is over the row above, of `ladder` only."""
    measured = results(found, part)
    ceiling = _ceiling_of(found).get("flops_per_second")
    peak = results(found, "machine").get("machine", {}).get("peak_flops_of_the_data_sheet")
    rows, before = [], None
    for name, told in measured.items():
        speed = told["tokens_per_second"]
        executed = told.get("executed_flops_per_second") or told["model_flops_per_second"]
        rows.append(
            [
                name,
                f"{speed:,.0f}",
                f"{speed / before:.2f}" if before and part == "ladder" else "",
                f"{executed / 1e12:,.3g}",
                _percent(executed / ceiling) if ceiling else "",
                _percent(told["model_flops_per_second"] / peak) if peak else "",
                f"{told['peak_bytes'] / GB:.1f}" if "peak_bytes" in told else "",
                f"{told['seconds_per_step']:.3f}" if "seconds_per_step" in told else "",
                f"{told['first_step_seconds']:.0f}" if "first_step_seconds" in told else "",
            ]
        )
        before = speed
    return "\n".join([f"**{title}**", "", *table(SPEED_HEAD, rows)]) if rows else ""


def _watched(found: dict[str, Any]) -> str:
    return "\n\n".join(_watch(told) for told in results(found, "watched").values())


def _watch(told: dict[str, Any]) -> str:
    enforced = "in PyTorch's `set_sync_debug_mode('error')`" if told["enforced"] else "not enforced without CUDA"
    shares = ", ".join(f"{name} {_percent(share)}" for name, share in told["device_share"].items())
    idle = "not known" if told["idle_share"] is None else f"{100 * told['idle_share']:.1f} %"
    return (
        f"**Watched**: {told['steps_without_waiting']} steps without a wait for the device ({enforced}). A step is "
        f"given to the device in {1e3 * told['seconds_to_submit_a_step']:.0f} ms. Waiting for data: at most "
        f"{told['seconds_waited_for_data_at_most']:.3f} s in all. Device idle: {idle}. Kernels' time: {shares or '-'}. "
        f"Waits and copies to the host in the profile: {told['waits'] or 'none'}."
    )


def _memory(found: dict[str, Any]) -> str:
    head = ("GPU", "micro-batch", "loss_chunk", "tokens/s", "peak, GB", "reserved, GB")
    rows = [
        [
            name,
            str(told["micro_batch"]),
            str(told["loss_chunk"]),
            f"{told['tokens_per_second']:,.0f}",
            f"{told.get('peak_bytes', 0) / GB:.1f}",
            f"{told.get('reserved_bytes', 0) / GB:.1f}",
        ]
        for name, told in results(found, "memory").items()
    ]
    return (
        "\n".join(["**The largest micro-batch within a smaller GPU's memory**", "", *table(head, rows)]) if rows else ""
    )


def _race(found: dict[str, Any]) -> str:
    head = ("recipe", "tokens", "minutes", "nats/token", "bits/byte")
    rows = [
        [
            name,
            f"{told['tokens']:,}",
            f"{told['seconds'] / 60:.1f}",
            _interval(told, "nats_per_token"),
            _interval(told, "bits_per_byte"),
        ]
        for name, told in results(found, "race").items()
    ]
    return "\n".join(["**At equal tokens, held out**", "", *table(head, rows)]) if rows else ""


def _interval(told: dict[str, Any], key: str) -> str:
    bounds = told[f"{key}_interval"]
    return f"{told[key]:.4f}" + (f" [{bounds[0]:.4f}, {bounds[1]:.4f}]" if bounds else "")


def _missing(found: dict[str, Any]) -> str:
    lines = [*_failures(found), *(f"- {name}: time was up" for name in found["not_reached"])]
    return "\n".join(["Not measured:", "", *lines]) if lines else ""


def _failures(found: dict[str, Any]) -> Iterable[str]:
    for part, answers in found["parts"].items():
        for name, answer in answers.items():
            if "failed" in answer:
                yield f"- {part}, {name}: {answer['failed']}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
