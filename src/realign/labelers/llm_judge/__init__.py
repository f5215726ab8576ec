"""A language model as labeler: what it is asked (spec, prompt, form), its answers (parse), budget, run, backends."""

from realign.labelers.llm_judge.labeler import LABELER

__all__ = ["LABELER"]
