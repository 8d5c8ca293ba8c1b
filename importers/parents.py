"""Parents of messages in a tree of which not all nodes are messages."""

from __future__ import annotations

from collections.abc import Container, Mapping

from .records import ROOT


def reparented(parents: Mapping[str, str | None], kept: Container[str]) -> dict[str, str]:
    """Return for each node the nearest ancestor that is kept, or ROOT.

    ``parents`` names each node's parent: None, an unknown id or a circle means that it begins the conversation. Depth
    does not matter.
    """
    nearest: dict[str, str] = {}
    for start in parents:
        path: list[str] = []
        seen: set[str] = set()
        node = start
        while node not in nearest and node not in seen:
            path.append(node)
            seen.add(node)
            parent = parents.get(node)
            if parent is None or parent not in parents:
                nearest[node] = ROOT
                break
            if parent in kept and parent not in seen:
                nearest[node] = parent
                break
            node = parent
        found = nearest.get(node, ROOT)
        for passed in reversed(path):
            nearest.setdefault(passed, found)
    _cut_circles(nearest)
    return nearest


def _cut_circles(parents: dict[str, str]) -> None:
    done = {ROOT}
    for start in parents:
        path: set[str] = set()
        node = start
        while node not in done:
            path.add(node)
            if parents[node] in path:
                parents[node] = ROOT
            node = parents[node]
        done |= path
