"""From files of scores to results, dates, tests and verdicts."""

from fabula.study.analysis.analyse import analyse as analyse
from fabula.study.analysis.item_scores import write_item_scores as write_item_scores
