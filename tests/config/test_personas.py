"""Personas and snippets: files of the config folder; a broken one is a sentence, and the others are there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sterna.config import ConfigError, built_in, fill, load_personas, load_snippets
from tests.generated import examples

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)

COACH = """\
description = "Asks, instead of answering"
system_prompt = "Today is {{date}}. Coach {{ who }} in {{topic}}; write \\\\{{who}} as it is."
model = "openrouter/small"
temperature = 0.3
reasoning_effort = "low"
parameters = { top_p = 0.9 }

[variables]
topic = { question = "Which topic?", choices = ["chess", "go"] }
"""


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / "personas" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_persona_has_a_prompt_with_variables_a_model_and_parameters(tmp_path: Path) -> None:
    write(tmp_path, "coach.toml", COACH)
    coach = load_personas(tmp_path).get("coach")
    assert coach.description == "Asks, instead of answering"
    assert [(each.name, each.label, each.default) for each in coach.variables] == [
        ("who", "Who", ""),
        ("topic", "Which topic?", "chess"),
    ]
    assert coach.settings({"who": "Ada"}, NOW) == {
        "persona": "coach",
        "system_prompt": "Today is 2026-03-14. Coach Ada in chess; write {{who}} as it is.",
        "model": "openrouter/small",
        "temperature": 0.3,
        "max_tokens": None,
        "reasoning_effort": "low",
        "parameters": {"top_p": 0.9},
    }


@pytest.mark.parametrize("names", [["github", "read"], []])
def test_a_persona_chooses_tools_or_leaves_them_as_they_are(tmp_path: Path, names: list[str]) -> None:
    write(tmp_path, "reader.md", f"---\ntools: {names}\n---\n")
    write(tmp_path, "poet.md", "Rhyme.")
    personas = load_personas(tmp_path)
    assert personas.get("reader").settings({}, NOW)["tools"] == names
    assert "tools" not in personas.get("poet").settings({}, NOW)


def test_a_value_that_is_missing_unknown_or_no_choice_is_named(tmp_path: Path) -> None:
    write(tmp_path, "coach.toml", COACH)
    coach = load_personas(tmp_path).get("coach")
    with pytest.raises(ConfigError, match="needs a value for who"):
        coach.settings({}, NOW)
    with pytest.raises(ConfigError, match="topic has to be one of chess, go, not golf"):
        coach.settings({"who": "Ada", "topic": "golf"}, NOW)
    with pytest.raises(ConfigError, match="no variable whom"):
        coach.settings({"who": "Ada", "whom": "x"}, NOW)


@pytest.mark.parametrize(
    "text",
    [
        "---\nmodel: a/b\ntemperature: 0\ndescription: Short\n---\nBe brief.\n\nAlways.\n",
        '+++\nmodel = "a/b"\ntemperature = 0\ndescription = "Short"\n+++\nBe brief.\n\nAlways.\n',
        "---\r\nmodel: a/b\r\ntemperature: 0\r\ndescription: Short\r\n---\r\nBe brief.\r\n\r\nAlways.\r\n",
    ],
)
def test_markdown_has_the_other_values_above_the_prompt(tmp_path: Path, text: str) -> None:
    write(tmp_path, "brief.md", text)
    brief = load_personas(tmp_path).get("brief")
    assert (brief.system_prompt, brief.model, brief.description) == ("Be brief.\n\nAlways.", "a/b", "Short")
    assert brief.parameters == {"temperature": 0}


def test_markdown_without_values_is_the_prompt(tmp_path: Path) -> None:
    write(tmp_path, "plain.md", "# You are a sailor\n\n---\nAhoy.")
    assert load_personas(tmp_path).get("plain").system_prompt == "# You are a sailor\n\n---\nAhoy."


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.toml", "system_prompt = ", "a.toml: Invalid value"),
        ("a.toml", 'system_prompt = "x"\ntemprature = 1', "no value temprature. Did you mean temperature?"),
        ("a.toml", 'system_prompt = "x"\ntemperature = 9', "temperature has to be a number from 0 to 2."),
        ("a.toml", "system_prompt = 3", "system_prompt has to be text."),
        ("a.toml", "parameters = 3", "parameters has to be a table"),
        ("a.toml", "parameters = { stream = true }", "parameters.stream cannot be set here"),
        ("a.toml", 'description = "x"', "no system prompt, no model, no parameters and no tools"),
        ("a.toml", 'system_prompt = "x"\ntools = "read"', "tools has to be a list of names"),
        ("a.toml", 'system_prompt = "x"\nvariables = "y"', "variables has to be a table"),
        ("a.toml", 'system_prompt = "x"\n[variables]\ny = "z"', "has no {{y}}, which is under variables"),
        ("a.toml", 'system_prompt = "{{y}}"\n[variables]\ny = { defalt = "z" }', "variables.y has to be a default"),
        ("a.md", "---\nmodel: [a\n---\nx", "a.md, line 3"),
        ("a.md", "---\nmodel: a/b\nx", "the line --- at the beginning has no second one"),
        ("a.md", "---\n- a\n---\nx", "there have to be names with values"),
        ("a.md", "---\nsystem_prompt: a\n---\nx", "the system prompt is the text below"),
        ("a.md", "---\nmodel: !!python/object/apply:os.system [true]\n---\nx", "could not determine a constructor"),
        ("a.md", b"caf\xe9", "not text in UTF-8 (byte 4)"),
        ("a b.md", "x", "Rename the file"),
        ("a.md", "x" * 1_000_001, "longer than 1 MB"),
        ("a.md", "---\na: &a [x]\nb: &b [*a, *a]\n---\nx", "no value a"),
    ],
)
def test_a_broken_file_is_a_sentence_and_the_others_are_there(
    tmp_path: Path, name: str, text: str | bytes, sentence: str
) -> None:
    write(tmp_path, "good.md", "Be good.")
    path = write(tmp_path, name, text)
    personas = load_personas(tmp_path)
    assert list(personas.by_name) == ["good"]
    (problem,) = personas.problems
    assert str(path) in problem
    assert sentence in problem
    with pytest.raises(ConfigError) as caught:
        personas.get(path.stem)
    assert str(caught.value) == problem


def test_two_files_of_one_name_are_a_problem_and_a_misspelt_name_is_guessed(tmp_path: Path) -> None:
    write(tmp_path, "coach.md", "one")
    write(tmp_path, "coach.toml", 'system_prompt = "two"')
    personas = load_personas(tmp_path)
    assert personas.by_name["coach"].system_prompt == "one"
    assert "another persona coach" in personas.problems[0]
    with pytest.raises(ConfigError, match="Did you mean coach"):
        personas.get("coahc")


def test_a_folder_that_is_missing_or_a_link_to_nothing_has_none(tmp_path: Path) -> None:
    assert load_personas(tmp_path).by_name == {}
    (tmp_path / "personas").mkdir()
    (tmp_path / "personas" / "gone.md").symlink_to(tmp_path / "nowhere")
    assert "not a regular file" in load_personas(tmp_path).problems[0]


@examples(60)
@given(st.text(max_size=60), st.sampled_from((".md", ".toml")))
def test_no_text_of_a_file_is_more_than_a_problem(
    tmp_path_factory: pytest.TempPathFactory, text: str, end: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    for head in ("", "---\n", "+++\n", "---\n---\n"):
        write(folder, f"any{end}", (head + text).encode("utf-8", "replace"))
        personas = load_personas(folder)
        assert len(personas.by_name) + len(personas.problems) == 1


def test_variables_that_nobody_gave_stay_as_they_are() -> None:
    assert fill("{{date}} {{x}} \\{{date}} {{ not one }}", built_in(NOW)) == "2026-03-14 {{x}} {{date}} {{ not one }}"


def test_snippets_are_texts_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "snippets"
    folder.mkdir()
    (folder / "sig.txt").write_text("Yours,\nAda\n")
    (folder / "review.md").write_text("Review this:")
    (folder / "notes.pdf").write_text("no snippet")
    (folder / "bad.txt").write_bytes(b"\xff")
    snippets = load_snippets(tmp_path)
    assert snippets.texts == {"review": "Review this:", "sig": "Yours,\nAda"}
    assert len(snippets.problems) == 1
    assert "bad.txt" in snippets.problems[0]
