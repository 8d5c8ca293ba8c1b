"""YAML files as programs of today write them: by the rules of YAML 1.2, in which ``yes`` is a text."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from .json_stream import LARGEST_ITEM
from .tree import FileTree

_IMPLICIT = (
    ("bool", r"true|false|True|False", "tfTF"),
    ("null", r"~|null|Null|", "~nN\0"),
    ("int", r"[-+]?(?:0|[1-9][0-9]{0,30})", "-+0123456789"),
    ("float", r"[-+]?(?:[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)", "-+0123456789"),
)


class BrokenYaml(ValueError):
    """A file that is no YAML; the message is a sentence."""


def yaml_document(tree: FileTree, path: str) -> Any:
    """Return the value that a YAML file is. Raises OSError, and BrokenYaml where it is none."""
    with tree.open(path) as file:
        data = file.read(LARGEST_ITEM + 1)
    if len(data) > LARGEST_ITEM:
        raise BrokenYaml(f"The file is larger than {LARGEST_ITEM >> 20} MB.")
    return yaml_value(data.decode("utf-8-sig", "replace"))


def yaml_value(content: str) -> Any:
    """Return the value of a YAML text. Raises BrokenYaml where it is none."""
    import yaml

    try:
        # a few aliases can stand for more than fits into any memory
        if "&" in content and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(content, _loader())):
            raise BrokenYaml("The file has YAML aliases, which are not supported.")
        return yaml.load(content, _loader())
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise error if isinstance(error, BrokenYaml) else BrokenYaml("The file is not valid YAML.") from None


@cache
def _loader() -> Any:
    import yaml

    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("Loader", (base,), {"yaml_implicit_resolvers": {}})
    for tag, pattern, first in _IMPLICIT:
        begins = ["" if character == "\0" else character for character in first]
        loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), begins)
    return loader
