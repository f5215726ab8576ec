"""The embedded simulation ([builtin/README.md](builtin/README.md)): a `multi` row without scores, plus the rule by which
the simulated annotator can judge any response to its prompt.
"""

import dataclasses
import json

from realign.data.raw import BadRow, RawRow, as_object, name_of
from realign.data.simulation.rule import quality
from realign.data.sources import multi

JOINABLE = True
EXAMPLE = {
    "prompt": "Take 3 away from 5.",
    "rule": {"task": "arithmetic", "answer": 2, "given": [5, 3]},
    "responses": [{"text": "It is 2.", "generator": "author-fair"}, {"text": "Hmm, 3."}],
}


def read(row: object) -> RawRow:
    """Understand one row.

    Raises:
        BadRow: as for `multi`, or the rule cannot be applied.
    """
    understood = multi.read(row)
    rule = name_of(json.dumps(as_object(row).get("rule"), sort_keys=True, ensure_ascii=False), "rule")
    try:
        quality(json.loads(rule), "")
    except (ValueError, TypeError, AttributeError, KeyError, ArithmeticError) as error:
        raise BadRow("bad_rule", f"{error}: {rule}") from None
    return dataclasses.replace(understood, rule=rule)
