"""Citations in ChatGPT's text: marks in it are replaced by the links that they stand for.

The offsets of the export count other units than Python does, so marks are found by their text.
"""

from __future__ import annotations

import re
from typing import Any

from ...values import count, mapping, mappings, parsed, text

# U+E200 kind U+E202 argument U+E202 … U+E201, and U+E203 … U+E204 around a span
_MARK = re.compile("\ue200([a-z_]*)(?:\ue202([^\ue201]*))?\ue201")
_SINGLE = re.compile("[\ue200-\ue206]")
_OLD_MARK = re.compile(r"【\d+(?::\d+)?†[^】\n]{0,200}】|:contentReference\[oaicite:(\d+)\](?:\{[^}\n]*\})?")

Sources = list[tuple[str, str]]


def has_marks(value: str) -> bool:
    return "\ue200" in value or "\ue203" in value or "【" in value or ":contentReference[" in value


def with_citations(value: str, metadata: dict[str, Any], sources: Sources) -> str:
    """Return a text with its marks replaced, and add what it cites to ``sources``."""
    references = mappings(metadata.get("content_references"))
    citations = mappings(metadata.get("citations"))
    for reference in references:
        _add(sources, _links(reference))
    links = [_link(mapping(citation.get("metadata"))) for citation in citations]
    _add(sources, [link for link in links if link])
    if not has_marks(value):
        return value
    for reference in references:
        mark = text(reference.get("matched_text"))
        if has_marks(mark):
            value = value.replace(mark, _stands_for(reference))
    if citations:
        value = _old_marks_replaced(value, citations, links)
    return _SINGLE.sub("", _MARK.sub(_unreferenced, _OLD_MARK.sub("", value)))


def _stands_for(reference: dict[str, Any]) -> str:
    if alternative := text(reference.get("alt")):
        return alternative
    if links := _links(reference):
        return f"({', '.join(map(_markdown, links))})"
    return text(reference.get("name"))


def _links(reference: dict[str, Any]) -> Sources:
    found = [_link(reference)]
    for item in mappings(reference.get("items")) + mappings(reference.get("sources")):
        found.append(_link(item))
        found += map(_link, mappings(item.get("supporting_websites")))
    return [link for link in found if link]


def _link(item: dict[str, Any]) -> tuple[str, str] | None:
    url = text(item.get("url"))
    if not url.startswith(("https://", "http://")):
        return None
    return text(item.get("title")) or text(item.get("attribution")) or url, url


def _add(sources: Sources, links: Sources) -> None:
    known = {url for _, url in sources}
    for link in links:
        if link[1] not in known:
            known.add(link[1])
            sources.append(link)


def _markdown(link: tuple[str, str]) -> str:
    title = link[0].replace("[", "(").replace("]", ")").replace("\n", " ")
    return f"[{title}]({link[1].replace(')', '%29')})"


def _old_marks_replaced(value: str, citations: list[dict[str, Any]], links: list[tuple[str, str] | None]) -> str:
    """Replace marks from before 2025, of which the n-th belongs to the n-th citation of the text."""
    order = sorted(range(len(citations)), key=lambda index: count(citations[index].get("start_ix")))
    position = 0

    def link(found: re.Match[str]) -> str:
        nonlocal position
        index = int(found[1]) if found[1] else order[position] if position < len(order) else len(links)
        position += 1
        target = links[index] if index < len(links) else None
        return f" ({_markdown(target)})" if target else ""

    return _OLD_MARK.sub(link, value)


def _unreferenced(mark: re.Match[str]) -> str:
    """Return the text of a mark of which the export says nothing more: of names and links what a person saw."""
    kind, argument = mark[1], mark[2] or ""
    if kind == "entity":
        names = parsed(argument)
        return text(names[1]) if isinstance(names, list) and len(names) > 1 else ""
    if kind in {"url", "navlist"}:
        title, _, target = argument.partition("\ue202")
        return _markdown((title, target)) if target.startswith(("https://", "http://")) else title
    return ""
