"""Label Studio's pairwise tasks: exported with the votes as annotations, imported from its JSON export.

A task's `data` holds what its template shows (prompt, left, right) and our pair id; left is always our
response a. Fields that Label Studio lacks, and would drop, are kept in the `meta` of each result.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from realign.data.raw import BadRow, as_object, messages_of, name_of, text_of
from realign.errors import UserError
from realign.labelers.human.exchange.entries import Entry, Vote, by_pair
from realign.store import ids
from realign.store.ledger_rows import label_id

CONFIG = """<View>
  <Header value="Which response is better?"/>
  <Paragraphs name="prompt" value="$prompt" layout="dialogue" nameKey="role" textKey="content"/>
  <Pairwise name="better" toName="left,right"/>
  <View style="display: flex; gap: 1em;">
    <View style="flex: 1;"><Text name="left" value="$left"/></View>
    <View style="flex: 1;"><Text name="right" value="$right"/></View>
  </View>
  <Header value="Or, if neither is better:"/>
  <Choices name="otherwise" toName="left" choice="single-radio">
    <Choice value="tie"/>
    <Choice value="both_bad"/>
    <Choice value="abstain"/>
  </Choices>
  <Header value="How sure are you? 1 guess, 2 fairly sure, 3 sure"/>
  <Rating name="confidence" toName="left" maxRating="3"/>
  <TextArea name="comment" toName="left" placeholder="Comment" maxSubmissions="1"/>
</View>
"""
_SIDES = {"a": "left", "b": "right"}
_LABELS = {side: label for label, side in _SIDES.items()}
_META = ("annotator", "occasion", "given_at", "fingerprint")


def dump(queue: pd.DataFrame, votes: pd.DataFrame) -> str:
    """The queue as tasks, with its votes as annotations; CONFIG is the project's labeling config."""
    grouped = by_pair(votes)
    tasks = []
    for pair in queue.itertuples():
        data: dict[str, Any] = {
            "pair_id": pair.pair_id,
            "prompt": ids.load_messages(str(pair.messages)),
            "left": pair.text_a,
            "right": pair.text_b,
        }
        annotations = [_annotation(data["pair_id"], vote) for vote in grouped.get(data["pair_id"], [])]
        tasks.append({"data": data, "annotations": annotations})
    return json.dumps(tasks, indent=1, ensure_ascii=False) + "\n"


def entries(path: Path) -> Iterator[Entry]:
    """Annotations of a JSON export, and tasks without any.

    Raises:
        UserError: the file is not a list of tasks.
    """
    try:
        tasks = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{path} is not valid JSON ({error}). Export the project again, as JSON", code="votes.not_json"
        ) from None
    if not isinstance(tasks, list):
        raise UserError(
            f"{path} is not a list of tasks. In Label Studio choose the export format JSON",
            code="votes.not_json",
        )
    if tasks and not any(isinstance(task, dict) and {"data", "annotations"} & task.keys() for task in tasks):
        raise UserError(
            f"{path} holds no tasks with data and annotations, like Label Studio's export JSON_MIN. In Label Studio choose "
            "the export format JSON; rows of your own belong into a .jsonl file, one a line",
            code="votes.json_min",
        )
    for number, task in enumerate(tasks, start=1):
        yield from _task_entries(f"{path.name} task {number}", task)


def _annotation(pair: str, vote: Vote) -> dict[str, Any]:
    label = (
        {"from_name": "better", "to_name": "left,right", "type": "pairwise",
         "value": {"selected": _SIDES[vote.label]}}
        if vote.label in _SIDES
        else {"from_name": "otherwise", "to_name": "left", "type": "choices", "value": {"choices": [vote.label]}}
    )  # fmt: skip
    results: list[dict[str, Any]] = [label]
    if vote.confidence is not None:
        value: dict[str, Any] = {"rating": vote.confidence}
        results.append({"from_name": "confidence", "to_name": "left", "type": "rating", "value": value})
    if vote.comment is not None:
        value = {"text": [vote.comment]}
        results.append({"from_name": "comment", "to_name": "left", "type": "textarea", "value": value})
    meta = vote.model_dump(include=set(_META))
    label_key = label_id(pair, vote.fingerprint, vote.annotator, vote.occasion)
    for result in results:
        result |= {"id": ids.digest(label_key, result["from_name"])[:10], "meta": meta}
    return {"result": results, "lead_time": vote.seconds, "was_cancelled": False}


def _task_entries(place: str, task: object) -> Iterator[Entry]:
    try:
        fields = as_object(task)
        data = as_object(fields.get("data"))
        annotations = fields.get("annotations")
        if not isinstance(annotations, list):
            raise BadRow("wrong_type", "'annotations' must be a list; choose the export format JSON")
        pair = None if data.get("pair_id") is None else name_of(data["pair_id"], "pair_id")
        messages = messages_of(data.get("prompt"))
        texts = (text_of(data, "left"), text_of(data, "right"))
    except BadRow as bad:
        yield Entry(place, vote=bad)
        return
    if not annotations:
        yield Entry(place, pair, messages, texts)
    for number, annotation in sorted(enumerate(annotations, start=1), key=_event):
        vote: Vote | BadRow
        try:
            vote = _vote(as_object(annotation))
        except BadRow as bad:
            vote = bad
        yield Entry(f"{place} annotation {number}", pair, messages, texts, vote, in_order=True)


def _event(numbered: tuple[int, object]) -> tuple[int, int]:
    """Label Studio numbers annotations as they are made: a clock may be wrong, this is not."""
    place, annotation = numbered
    number = annotation.get("id") if isinstance(annotation, dict) else None
    return (number if isinstance(number, int) else 0, place)


def _vote(annotation: Mapping[str, Any]) -> Vote:
    results = [] if annotation.get("result") is None else annotation["result"]
    if not isinstance(results, list):
        raise BadRow("wrong_type", "'result' must be a list")
    labels: list[object] = []
    meta: dict[str, object] = {}
    fields: dict[str, object] = {}
    for result in map(as_object, results):
        value = as_object(result.get("value"))
        if isinstance(result.get("meta"), dict):
            meta = {key: field for key, field in as_object(result["meta"]).items() if key in _META}
        match result.get("type"):
            case "pairwise":
                selected = value.get("selected")
                labels.append(_LABELS.get(str(selected), selected))
            case "choices":
                labels += _list(value, "choices")
            case "rating":
                fields["confidence"] = value.get("rating")
            case "textarea":
                fields["comment"] = "\n".join(map(str, _list(value, "text")))
            case other:
                raise BadRow("wrong_type", f"our labeling config has no control of type {other!r}")
    if annotation.get("was_cancelled"):  # skipped, even if something was filled in
        labels = ["abstain"]
    labels = [label for label in labels if label is not None]
    own = {"annotator": _name(annotation.get("completed_by")), "given_at": annotation.get("created_at")}
    whole = fields | own | meta
    if not labels:
        raise BadRow("no_label", "the annotation holds no label")
    if len(labels) > 1:
        raise BadRow("contradiction", f"the annotation holds {labels}")
    if whole["annotator"] is None:
        raise BadRow("no_annotator", "the annotation names nobody who made it")
    return Vote.read(whole | {"label": labels[0], "seconds": annotation.get("lead_time")})


def _name(who: object) -> str | None:
    """Who annotated: Label Studio gives a number, or an object with an e-mail address."""
    if isinstance(who, dict):
        who = who.get("email") or who.get("id")
    return None if who is None else str(who)


def _list(value: Mapping[str, object], key: str) -> list[object]:
    content = value.get(key)
    return content if isinstance(content, list) else [content]
