"""Every answer of every checkpoint to every question, in one table."""

import io

import pyarrow as pa
import pyarrow.parquet as parquet

from fabula.files import write_bytes
from fabula.study.analysis.panels import Panel, checkpoints
from fabula.study.folder import StudyFolder
from fabula.study.probes import ITEM_PROBES

FILE = "item_scores.parquet"
COLUMNS = ("correct", "margin", "choice", "pair")


def write_item_scores(folder: StudyFolder) -> None:
    """Write item_scores.parquet: a row for each series, step, probe and item, with what the baselines answer.

    Raises:
        UserError: study.json or a file of scores is missing or damaged.
    """
    study = folder.study()
    tables = []
    for probe in ITEM_PROBES:
        panel = Panel.load(folder, study, probe.scores)
        for series, checkpoint in checkpoints(study):
            scores = panel.scores.get((series.label, checkpoint.step))
            if scores is None:
                continue
            n = len(scores.units)
            baselines = {f"baseline {name}": values for name, values in panel.baseline_columns(scores).items()}
            tables.append(
                pa.table(
                    {
                        "series": [series.label] * n,
                        "step": [checkpoint.step] * n,
                        "probe": [probe.name] * n,
                        "item": scores.units.tolist(),
                        "cluster": scores.clusters.tolist(),
                        "condition": scores.conditions.tolist(),
                        **{name: scores.columns[name] for name in COLUMNS},
                        **baselines,
                    }
                )
            )
    if tables:
        content = io.BytesIO()
        parquet.write_table(pa.concat_tables(tables, promote_options="default"), content)
        write_bytes(folder.path / FILE, content.getvalue())
