"""generate and embed: each row computed once, whatever was interrupted; what cannot serve is set aside."""

import numpy as np
import pandas as pd
import pytest
from stage_builders import run as run_stage
from stage_builders import under
from unit_builders import refused, world

from realign.errors import ValidationFailed
from realign.models import sampling
from realign.models.embedders import encoder
from realign.quality import gate
from realign.store import ids

LIMITS = under("validate", min_rows=1, max_share_dropped=1.0, max_share_truncated=1.0, max_share_refusals=1.0)


@pytest.fixture
def open_gate(monkeypatch):
    """Lets everything through: the gates have tests of their own."""
    monkeypatch.setattr(gate, "check", lambda *_: gate.GateResult({}, {"gate": "open"}))


def run(tables, base, folder, limits=LIMITS, seed=7, **options):
    options = {"k": 3, "max_new_tokens": 8, "tokens_per_batch": 300, "max_prompt_tokens": 96, **options}
    changes = {"seed": seed, **limits, **under("generate", **options)}
    return run_stage("generate", tables, folder, changes, base=base)


def test_k_samples_a_prompt_each_with_its_length_and_end(tiny_folder, tmp_path, open_gate):
    tables = world(train=5, held_out=2)
    found = run(tables, tiny_folder, tmp_path, temperature=2.0)
    rows = found.responses
    assert found.tally_generate.as_json()["response"]["in"] == 7 * 3
    assert rows.groupby("prompt_id").size().max() == 3
    assert set(rows["prompt_id"]) == set(tables.prompts["prompt_id"])
    assert set(rows["generator"]) == {"policy"}
    assert set(rows["finish"]) <= {"stop", "length"}
    assert (rows.loc[rows["finish"] == "length", "tokens"] == 8).all()
    for row in rows.itertuples():
        assert row.response_id == ids.response_id(row.prompt_id, row.text)


def test_a_killed_run_goes_on_and_ends_with_the_same_rows(tiny_folder, tmp_path, open_gate, monkeypatch):
    tables = world(train=9, held_out=0)
    expected = run(tables, tiny_folder, tmp_path / "whole").responses
    real, computed = sampling.sample, []

    def killed(*arguments, **options):
        for batch in real(*arguments, **options):
            if computed:
                raise KeyboardInterrupt
            computed.append(len(batch))
            yield batch

    monkeypatch.setattr(sampling, "sample", killed)
    with pytest.raises(KeyboardInterrupt):
        run(tables, tiny_folder, tmp_path / "cut")
    assert 0 < computed[0] < 27

    def watched(model, tokenizer, rows, options):
        computed.append(len(rows))
        return real(model, tokenizer, rows, options)

    monkeypatch.setattr(sampling, "sample", watched)
    again = run(tables, tiny_folder, tmp_path / "cut").responses
    assert sum(computed) == 27
    pd.testing.assert_frame_equal(again, expected)
    times = len(computed)
    run(tables, tiny_folder, tmp_path / "cut")
    assert len(computed) == times, "every row is known"


def test_new_prompts_cost_only_their_own_rows(tiny_folder, tmp_path, open_gate, monkeypatch):
    run(world(train=4, held_out=0), tiny_folder, tmp_path)
    real, computed = sampling.sample, []
    monkeypatch.setattr(
        sampling, "sample", lambda m, t, rows, o: computed.append(len(rows)) or real(m, t, rows, o)
    )
    run(world(train=6, held_out=0), tiny_folder, tmp_path)
    run(world(train=6, held_out=0), tiny_folder, tmp_path, seed=8)
    run(world(train=6, held_out=0), tiny_folder, tmp_path, temperature=0.9)
    assert computed == [6, 18, 18]


def test_given_responses_pass_through_counted_in_tokens(tiny, tiny_folder, tmp_path, open_gate):
    tables = world(train=3, held_out=1, k=3)
    tables.given.loc[0, "text"] += "<|im_end|>"
    rows = run(tables, tiny_folder, tmp_path, mode="given").responses
    merged = rows.merge(tables.given, on=["prompt_id", "response_id"])
    assert len(merged) == len(rows) == 12
    assert (merged["text_x"] == merged["text_y"]).all()
    assert set(rows["finish"]) == {"given"}
    assert rows.groupby("prompt_id")["k"].apply(sorted).tolist() == [[0, 1, 2]] * 4
    _, tokenizer = tiny
    texts = rows["text"].str.replace("<|im_end|>", "< |im_end|>")
    assert [len(tokenizer(text)["input_ids"]) for text in texts] == rows["tokens"].tolist()


def test_long_prompts_repeated_texts_and_silence_are_set_aside(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(gate, "_publish", lambda context, work: None)
    tables = world(train=4, held_out=0, k=2)
    tables.prompts.loc[0, "messages"] = ids.dump_messages([{"role": "user", "content": "long " * 90}])
    silent = tables.prompts["prompt_id"].iloc[1]
    tables.given = tables.given[tables.given["prompt_id"] != silent]
    blank = tables.prompts["prompt_id"].iloc[2]
    tables.given.loc[tables.given["prompt_id"] == blank, "text"] = "  "
    found = run(tables, tiny_folder, tmp_path, mode="given")
    assert found.quarantine_generate.groupby(["unit", "reason"]).size().to_dict() == {
        ("prompt", "no_response"): 2,
        ("prompt", "prompt_too_long"): 1,
        ("response", "blank"): 2,
        ("response", "prompt_too_long"): 2,
    }
    assert found.tally_generate.as_json()["prompt"]["out"] == 1
    repeated = tables.given.copy()
    repeated["prompt_id"], repeated["response_id"] = tables.prompts["prompt_id"].iloc[3], "same"
    tables.given = repeated
    found = run(tables, tiny_folder, tmp_path, mode="given")
    assert found.quarantine_generate["reason"].tolist().count("duplicate_text") == len(repeated) - 1
    assert found.gate_responses["success"]


def test_the_gate_stands_here(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(gate, "_publish", lambda context, work: None)
    tables = world(train=3, held_out=0)
    tables.given["text"] = "I'm sorry, but " + tables.given["text"]
    strict = LIMITS | {"validate.max_share_refusals": 0.5}
    with refused(
        "gate.responses", ValidationFailed, match=r"the responses gate refused(?s:.*)refusals: .*found 1\.0"
    ):
        run(tables, tiny_folder, tmp_path / ".work", limits=strict, mode="given")


def test_without_a_fitting_prompt_or_a_response_the_mend_is_named(tiny_folder, tmp_path, open_gate):
    tables = world(train=2, held_out=0)
    with refused("generate.prompts_too_long", match=r"longer than generate\.max_prompt_tokens \(3\)"):
        run(tables, tiny_folder, tmp_path, max_prompt_tokens=3)
    tables.given = tables.given.iloc[:0]
    with refused("data.nothing_left", match=r"no responses left(?s:.*)needs generate\.mode: sample"):
        run(tables, tiny_folder, tmp_path, mode="given")


def embedded(tables, base, folder, **options):
    options = {"max_tokens": 32, "tokens_per_batch": 300, **options}
    return run_stage("embed", tables, folder, under("embed", **options), base=base).embeddings


def test_each_text_is_embedded_once_ever(tiny_folder, tmp_path, monkeypatch):
    tables = world(train=3, held_out=0)
    tables.responses.loc[:5, "text"] = "the same text"
    real, computed = encoder.encode, []
    monkeypatch.setattr(
        encoder, "encode", lambda e, texts, size: computed.append(len(texts)) or real(e, texts, size)
    )
    first = embedded(tables, tiny_folder, tmp_path)
    assert first["response_id"].tolist() == tables.responses["response_id"].tolist()
    vectors = np.stack(first["vector"])
    assert (vectors[:6] == vectors[0]).all()
    assert len(np.unique(vectors, axis=0)) == 7
    again = embedded(tables, tiny_folder, tmp_path)
    assert (np.stack(again["vector"]) == vectors).all()
    tables.responses.loc[7, "text"] = "a new text"
    embedded(tables, tiny_folder, tmp_path)
    embedded(tables, tiny_folder, tmp_path, max_tokens=2)
    assert computed == [7, 1, 7]  # and not even a loop for the second


def test_a_killed_embedding_goes_on_with_the_same_bytes(tiny_folder, tmp_path, monkeypatch):
    tables = world(train=6, held_out=0)
    expected = embedded(tables, tiny_folder, tmp_path / "whole")
    real = encoder.encode

    def killed(*arguments):
        yield next(iter(real(*arguments)))
        raise KeyboardInterrupt

    monkeypatch.setattr(encoder, "encode", killed)
    with pytest.raises(KeyboardInterrupt):
        embedded(tables, tiny_folder, tmp_path / "cut")
    monkeypatch.setattr(encoder, "encode", real)
    again = embedded(tables, tiny_folder, tmp_path / "cut")
    assert np.stack(again["vector"]).tobytes() == np.stack(expected["vector"]).tobytes()
