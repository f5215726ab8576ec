"""People as labelers: the page, consensus, exchange files."""

from realign.labelers.human.labeler import LABELER

__all__ = ["LABELER"]
