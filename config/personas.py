"""Personas: saved system prompts with variables, a model and parameters, one file each in the folder ``personas``.

``NAME.toml`` has every value under its name. ``NAME.md`` has the system prompt as its text, and the other values above
it between two lines ``---`` (YAML) or ``+++`` (TOML), as static site generators and other chat clients write them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from . import templates
from .errors import ConfigError
from .kinds import REQUEST_PARAMETERS, nearest, unsendable
from .paths import config_dir
from .schema import BY_PATH
from .text_files import read, text_files

FOLDER = "personas"
SUFFIXES = (".toml", ".md")

KEYS = ("description", "system_prompt", "model", *REQUEST_PARAMETERS, "parameters", "tools", "variables")

_FRONT_MATTER = re.compile(r"(---|\+\+\+)[ \t]*\n(.*?\n)?\1[ \t]*(?:\n|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Variable:
    """Variable of a system prompt, which is asked for when the persona is chosen."""

    name: str
    question: str = ""
    default: str = ""
    choices: tuple[str, ...] = ()
    """Values that it may have; none: any."""

    @property
    def label(self) -> str:
        """Question, or the name in words."""
        return self.question or self.name.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class Persona:
    """System prompt with what belongs to it."""

    name: str
    path: Path
    description: str = ""
    system_prompt: str = ""
    model: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    variables: tuple[Variable, ...] = ()
    """Variables to ask for; the built-in ones are not among them."""
    tools: tuple[str, ...] | None = None
    """Tools that the model may ask for; None: it names none."""

    def settings(self, values: Mapping[str, str], now: datetime) -> dict[str, Any]:
        """Return the settings of a conversation with this persona; None takes one away that another persona had set.

        Model and tools stay as they are where the persona names none. Raises ConfigError for a value that is missing or
        wrong.
        """
        filled = {variable.name: variable.default for variable in self.variables} | dict(values)
        for variable in self.variables:
            value = filled[variable.name]
            if not value.strip():
                raise ConfigError(f"The persona {self.name} needs a value for {variable.name}.")
            if variable.choices and value not in variable.choices:
                raise ConfigError(f"{variable.name} has to be one of {', '.join(variable.choices)}, not {value}.")
        names = {variable.name for variable in self.variables}
        if unknown := next((name for name in values if name not in names), None):
            raise ConfigError(f"The persona {self.name} has no variable {unknown}.")
        text = templates.fill(self.system_prompt, templates.built_in(now) | filled)
        result: dict[str, Any] = {"persona": self.name, "system_prompt": text or None}
        result |= {name: self.parameters.get(name) for name in (*REQUEST_PARAMETERS, "parameters")}
        result |= {"tools": list(self.tools)} if self.tools is not None else {}
        return result | ({"model": self.model} if self.model else {})


NO_PERSONA: Mapping[str, Any] = dict.fromkeys(("persona", "system_prompt", *REQUEST_PARAMETERS, "parameters"))
"""Settings of a conversation that has no persona any more."""


@dataclass(frozen=True, slots=True)
class Personas:
    """All personas by name, and a sentence for each file that cannot be used."""

    by_name: Mapping[str, Persona]
    problems: tuple[str, ...]
    folder: Path

    def get(self, name: str) -> Persona:
        """Return the persona of that name. Raises ConfigError with a sentence."""
        if (persona := self.by_name.get(name)) is not None:
            return persona
        broken = next((problem for problem in self.problems if f"{self.folder / name}." in problem), None)
        if broken is not None:
            raise ConfigError(broken)
        near = nearest(name, self.by_name)
        advice = f"Did you mean {near}?" if near else f"Personas are files in {self.folder}."
        raise ConfigError(f"There is no persona {name}. {advice}")


def load_personas(config_folder: Path | None = None) -> Personas:
    """Return all personas. A file that is wrong is a sentence, and the others are there."""
    folder = config_dir(config_folder) / FOLDER
    personas: dict[str, Persona] = {}
    problems: list[str] = []
    for name, path in text_files(folder, SUFFIXES):
        try:
            persona = _persona(name, path, read(name, path))
            if name in personas:
                raise ConfigError(f"{path}: there is another persona {name}. Rename one of the files.")
            personas[name] = persona
        except ConfigError as error:
            problems.append(str(error))
    return Personas(personas, tuple(problems), folder)


def _persona(name: str, path: Path, text: str) -> Persona:
    values = _toml(path, text) if path.suffix.lower() == ".toml" else _front_matter(path, text)
    for key in values:
        if key not in KEYS:
            near = nearest(str(key), KEYS)
            raise ConfigError(f"{path}: there is no value {key}.{f' Did you mean {near}?' if near else ''}")
    description, prompt, model = (_text(path, values, key) for key in ("description", "system_prompt", "model"))
    parameters: dict[str, Any] = {}
    for key in REQUEST_PARAMETERS:
        if values.get(key) is not None:
            setting = BY_PATH[key]
            checked = setting.check(values[key])
            if checked is None:
                raise ConfigError(f"{path}: {key} has to be {setting.expected}.")
            if checked != "":
                parameters[key] = checked
    if further := values.get("parameters"):
        if not isinstance(further, Mapping):
            raise ConfigError(f"{path}: parameters has to be a table, as in {{ top_p = 0.9 }}.")
        if (reason := unsendable(further)) is not None:
            raise ConfigError(f"{path}: parameters.{'.'.join(map(str, reason[0]))} {reason[1]}")
        parameters["parameters"] = dict(further)
    tools = values.get("tools")
    if tools is not None and not (isinstance(tools, list) and all(isinstance(tool, str) for tool in tools)):
        raise ConfigError(f'{path}: tools has to be a list of names, as in ["github", "read"].')
    if not (prompt.strip() or model or parameters or tools is not None):
        raise ConfigError(f"{path} has no system prompt, no model, no parameters and no tools.")
    declared = _variables(path, values.get("variables") or {})
    used = templates.variables(prompt)
    if unused := next((each for each in declared if each not in used), None):
        raise ConfigError(f"{path}: the system prompt has no {{{{{unused}}}}}, which is under variables.")
    asked = [each for each in used if each in declared or each not in templates.built_in(datetime.now())]
    variables = tuple(declared.get(each, Variable(each)) for each in asked)
    chosen = None if tools is None else tuple(tools)
    return Persona(name, path, description, prompt, model, parameters, variables, chosen)


def _text(path: Path, values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ConfigError(f"{path}: {key} has to be text.")
    return value.strip("\n")


def _variables(path: Path, values: object) -> dict[str, Variable]:
    """Return what is said about variables: a default, or a table with question, default and choices."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{path}: variables has to be a table of names.")
    result = {}
    for name, value in values.items():
        about = value if isinstance(value, Mapping) else {"default": value}
        choices = about.get("choices", ())
        if (
            not set(about) <= {"question", "default", "choices"}
            or not all(isinstance(about.get(key, ""), str | int | float) for key in ("question", "default"))
            or not isinstance(choices, list | tuple)
        ):
            raise ConfigError(
                f"{path}: variables.{name} has to be a default, or a table of question, default, choices."
            )
        texts = tuple(str(choice) for choice in choices)
        default = str(about.get("default", texts[0] if texts else ""))
        result[str(name)] = Variable(str(name), str(about.get("question", "")), default, texts)
    return result


def _front_matter(path: Path, text: str) -> dict[str, Any]:
    match = _FRONT_MATTER.match(text)
    if match is None:
        if text.startswith(("---\n", "+++\n")):
            raise ConfigError(f"{path}: the line {text[:3]} at the beginning has no second one.")
        return {"system_prompt": text}
    values = _yaml(path, match[2] or "") if match[1] == "---" else _toml(path, match[2] or "")
    if "system_prompt" in values:
        raise ConfigError(f"{path}: the system prompt is the text below the second {match[1]}.")
    return {**values, "system_prompt": text[match.end() :]}


def _toml(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {error}.") from None


def _yaml(path: Path, text: str) -> dict[str, Any]:
    import yaml  # needed for a file of this form only

    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 2}" if mark is not None else ""
        raise ConfigError(f"{path}{where}: {getattr(error, 'problem', None) or 'this is not YAML'}.") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: between the two lines --- there have to be names with values.")
    return values
