"""The stages in the order in which they run. Written by python -m realign.pipeline.write."""

CODE = "code"  # runs before all others: each depends on what it measures
STAGES = (
    "prepare",
    "base",
    "generate",
    "embed",
    "rewards",
    "pilot",
    "select",
    "validate",
    "label",
    "train",
    "evaluate",
    "report",
)  # fmt: skip
EXPERIMENT = (
    "picks",
    "reference",
    "arm",
    "summary",
)  # fmt: skip
