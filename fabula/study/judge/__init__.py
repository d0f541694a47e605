"""An optional judge: any language model behind an OpenAI-compatible endpoint grades stories, if it can tell bad ones.

Nothing that is asked says where a story comes from, and the order is random. Anchors come first: a judge that doesn't
rank held-out stories above stories glued together from two halves grades nothing else.
"""

from fabula.study.judge.asking import judge
from fabula.study.judge.endpoint import Endpoint
from fabula.study.judge.judgement import Judgement
from fabula.study.judge.of_study import judge_study
from fabula.study.judge.rubric import JudgedStory

__all__ = ["Endpoint", "JudgedStory", "Judgement", "judge", "judge_study"]
