"""Prefect's log without a traceback for what a person can mend."""

from __future__ import annotations

import logging

from realign.errors import UserError


class PlainErrors(logging.Filter):
    """Keeps a UserError to its own words, once; every other exception keeps its traceback.

    The stage's own output has said it already when Prefect logs the failure of task and flow.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop the traceback's record, and cut the state's message to its first line."""
        if record.exc_info and isinstance(record.exc_info[1], UserError):
            return False
        text = record.getMessage()
        if text.startswith("Finished in state Failed") and "\\n" in text:
            record.msg, record.args = text.split("\\n", 1)[0] + " …", ()
        return True


def install() -> None:
    """Put the filter on Prefect's run loggers, before all their handlers."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logger = logging.getLogger(name)
        if not any(isinstance(known, PlainErrors) for known in logger.filters):
            logger.addFilter(PlainErrors())
