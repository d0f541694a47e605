"""Statistics that every figure of a study shares. This much of it needs numpy alone; the rest is in the modules."""

from fabula.study.statistics.intervals import DRAWS as DRAWS
from fabula.study.statistics.intervals import LEVEL as LEVEL
from fabula.study.statistics.intervals import ratio_intervals as ratio_intervals
