"""Many texts judged at once, each by its own rule."""

import json

import pandas as pd
import pytest

from realign.data.simulation.qualities import qualities
from realign.errors import UserError

RULE = json.dumps({"task": "arithmetic", "answer": 2, "given": []})


def test_each_text_is_judged_by_the_rule_of_its_row():
    other = json.dumps({"task": "arithmetic", "answer": 3, "given": []})
    found = qualities(pd.DataFrame({"rule": [RULE, other], "text": ["It is 2.", "It is 2."]}), "text")
    assert found[0] > found[1]


def test_data_without_a_rule_cannot_be_judged_by_one():
    with pytest.raises(UserError) as error:
        qualities(pd.DataFrame({"rule": [RULE, None], "text": ["It is 2.", "It is 2."]}), "text")
    assert error.value.code == "data.no_rule"
