"""Writing params.yaml: only what changes changes, all or nothing, profiles first and then single values."""

import difflib
import shutil
import subprocess

import pytest
from ruamel.yaml import YAML
from unit_builders import ROOT

from flows import settings
from realign.config import params_file
from realign.errors import UserError

WHO = ("-c", "user.name=test", "-c", "user.email=test@example.invalid")
PROFILES = sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml"))

# The hub profiles name no commit of the reward model: whoever runs them has to look at it first.
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def project(tmp_path):
    """A project whose params.yaml is the embedded default."""
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    return tmp_path


def text(project):
    return (project / "params.yaml").read_text(encoding="utf-8")


def value(project, key):
    found = YAML(typ="safe").load(text(project))
    for part in key.split("."):
        found = found[part]
    return found


def changed(project, profile=None, assignments=()):
    """Lines that a write took out and put in."""
    before = text(project).splitlines()
    settings.write(project, profile, list(assignments))
    lines = list(difflib.unified_diff(before, text(project).splitlines(), n=0, lineterm=""))[2:]
    return (
        [line[1:] for line in lines if line.startswith("-")],
        [line[1:] for line in lines if line.startswith("+")],
    )


def refused(project, profile=None, assignments=()):
    before = text(project)
    with pytest.raises(UserError) as refusal:
        settings.write(project, profile, list(assignments))
    assert text(project) == before
    assert sorted(p.name for p in project.iterdir()) == ["params.yaml", "profiles"]
    return str(refusal.value)


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_over_the_default_checks_out_and_keeps_comments_and_order(project, name):
    before = text(project)
    own = YAML(typ="safe").load((project / "profiles" / f"{name}.yaml").read_text())
    if name.startswith("hub-"):
        assert "label.reward_model: name and revision are needed" in refused(project, name)
        own["label"]["reward_model"]["revision"] = COMMIT
    settings.write(
        project, name, [f"label.reward_model.revision={COMMIT}"] if name.startswith("hub-") else []
    )
    found = params_file.load(project / "params.yaml").model_dump(by_alias=True)

    def holds(values, place):
        for key, wanted in values.items():
            if isinstance(wanted, dict):
                holds(wanted, place[key])
            else:
                assert place[key] == wanted, key

    holds(own, found)
    assert comments(text(project)) == comments(before)
    assert keys(text(project)) == keys(before)


def comments(content):
    return [line.partition("#")[2] for line in content.splitlines() if "#" in line]


def keys(content):
    lines = (line.partition("#")[0] for line in content.splitlines())
    return [line.partition(":")[0] for line in lines if ":" in line]


def test_the_shipped_profiles_are_all_there():
    assert {"demo", "ci", "scored", "hh", "hub-small", "hub-gpu"} <= set(PROFILES)


def test_the_default_over_itself_changes_no_byte(project):
    before = text(project)
    settings.write(project, "demo", [])
    assert text(project) == before
    settings.write(project, None, [])
    assert text(project) == before


def test_only_the_line_of_a_changed_key_differs(project):
    before = next(line for line in text(project).splitlines() if line.startswith("  beta: "))
    comment = before.partition("#")[2]
    gone, come = changed(project, assignments=["train.beta=0.25"])
    assert gone == [before]
    (line,) = come
    assert line.startswith("  beta: 0.25 ")
    assert line.partition("#")[2] == comment
    assert line.index("#") == before.index("#")


def test_a_profile_changes_the_lines_of_its_keys_alone(project):
    _, come = changed(project, "ci")
    own = YAML(typ="safe").load((project / "profiles" / "ci.yaml").read_text())

    def leaves(values):
        for key, found in values.items():
            yield from leaves(found) if isinstance(found, dict) else [key]

    assert {line.split(":")[0].strip() for line in come} <= set(leaves(own))


def test_single_values_come_after_the_profile(project):
    settings.write(project, "ci", ["generate.k=5", "base.build.layers=1"])
    assert value(project, "generate.k") == 5
    assert value(project, "base.build.layers") == 1
    assert (
        value(project, "validate.min_rows")
        == YAML(typ="safe").load((project / "profiles" / "ci.yaml").read_text())["validate"]["min_rows"]
    )


def test_the_last_of_two_values_holds(project):
    settings.write(project, None, ["seed=1", "seed=2"])
    assert value(project, "seed") == 2


def test_a_run_by_profile_starts_from_what_was_committed(project):
    for line in (["init", "-q"], ["add", "-A"], [*WHO, "commit", "-qm", "as shipped"]):
        subprocess.run(["git", *line], cwd=project, check=True)
    settings.write(project, "ci", [])
    expected = YAML(typ="safe").load(text(project))
    settings.write(project, "scored", ["train.beta=0.7", "seed=99"])
    settings.write(project, "ci", [])
    assert YAML(typ="safe").load(text(project)) == expected


def test_what_looks_like_a_comment_is_part_of_the_value_and_so_of_a_wrong_one(project):
    assert "seed: input should be a valid integer (it is '7 # lucky')" in refused(
        project, assignments=["seed=7 # lucky"]
    )


@pytest.mark.parametrize(
    ("assignment", "typed"),
    [
        ("seed=3", 3),
        ("train.beta=0.2", 0.2),
        ("train.beta=1", 1),
        ("train.learning_rate=1e-4", 1e-4),
        ("prepare.max_prompts=null", None),
        ("prepare.max_prompts=", None),
        ("prepare.max_prompts=12", 12),
        ("audit=[]", []),
        ("audit=[random]", ["random"]),
        ("train.loss_type=[sigmoid, sft]", ["sigmoid", "sft"]),
        ("report.title='a: b # c'", "a: b # c"),
        ('report.title="a # b"', "a # b"),
        ("report.title=a # b", "a # b"),
        ("report.title= # b", "# b"),
        ("report.title=7 # b", "7 # b"),
        ("report.title=a#b", "a#b"),
        ("report.title='7'", "7"),
        ("prepare.path=data/raw/x=y.jsonl", "data/raw/x=y.jsonl"),
        ("report.title=" + "word " * 80 + "end", "word " * 80 + "end"),
    ],
)
def test_values_are_typed_and_read_back_as_they_were_given(project, assignment, typed):
    settings.write(project, None, [assignment])
    found = value(project, assignment.partition("=")[0])
    assert found == typed
    assert type(found) is type(typed)
    assert params_file.load(project / "params.yaml")


def test_a_changed_list_stays_on_its_line(project):
    gone, come = changed(project, assignments=["audit=[random]"])
    assert len(gone) == len(come) == 1


@pytest.mark.parametrize(
    ("assignments", "words"),
    [
        (["train.betta=0.2"], "train.betta: unknown key; did you mean 'beta'?"),
        (["train.beta=-1"], "train.beta: input should be greater than 0 (it is -1)"),
        (["seed=4", "generate.k=1"], "generate.k: input should be greater than or equal to 2"),
        (["seed=four"], "seed: input should be a valid integer (it is 'four')"),
        (["report.title=2026-01-01"], "report.title: input should be a valid string"),
        (["report.title=a: b"], "report.title: input should be a valid string (it is {'a': 'b'})"),
        (["strategy=hard"], "audit: 'hard' is the trained strategy already"),
        (["trian.x=1"], "trian: unknown key; did you mean 'train'?"),
        (["seed.x=1"], "'seed' in params.yaml is no section"),
        (["train..x=1"], "train.: unknown key"),
        (["train.lora.q.x=1"], "train.lora.q: unknown key"),
        (["seed"], "--set expects section.key=value, not 'seed'"),
        (["=5"], "--set expects section.key=value"),
        ([""], "--set expects section.key=value"),
        (["train.beta=["], "the value is not valid YAML"),
        (["strategy=!!python/name:os.system x"], "the value is not valid YAML"),
        (["seed=1\n---\n2"], "the value is not valid YAML"),
    ],
)
def test_a_refused_value_leaves_the_file_untouched(project, assignments, words):
    assert words in refused(project, assignments=assignments)


def test_a_parameter_of_a_strategy_without_any_yet(project):
    settings.write(project, None, ["select.options.middle.share=0.3", "select.options.middle.seed=4"])
    options = params_file.load(project / "params.yaml").select.options
    assert options["middle"] == {"share": 0.3, "seed": 4}


def test_all_refused_values_are_named_at_once(project):
    message = refused(project, "ci", ["train.beta=-1", "generate.k=1", "sead=1"])
    assert "3 problem(s)" in message


def test_a_profile_with_a_refused_value_beside_it_is_not_half_written(project):
    refused(project, "scored", ["train.beta=-1"])


def test_an_unknown_profile_names_those_there_are(project):
    assert refused(project, "dmeo") == f"there is no profile 'dmeo'; there are {', '.join(PROFILES)}"
    assert settings.profiles(project) == PROFILES


@pytest.mark.parametrize("name", ["params.yaml", "profiles/broken.yaml"])
@pytest.mark.parametrize("content", ["a: [", "", "- list\n"])
def test_a_broken_file_is_a_user_error(project, name, content):
    (project / name).write_text(content)
    with pytest.raises(UserError):
        settings.write(project, "broken" if "broken" in name else None, ["seed=3"])


def test_an_outcome_that_is_not_accepted_is_not_written(project):
    before = text(project)

    def never(outcome):
        raise UserError(f"seed {outcome.seed} is not mine")

    with pytest.raises(UserError, match="seed 9 is not mine"):
        settings.write(project, None, ["seed=9"], never)
    assert text(project) == before
