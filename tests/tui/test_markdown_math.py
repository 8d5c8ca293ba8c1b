"""TeX is shown as readable Unicode; code, amounts of money and what is not understood stay as they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sterna.tui.markdown import LiveDocument, render
from sterna.tui.markdown.math import readable


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"E = mc^2", "E = mc²"),
        (r"\frac{a+b}{c}", "(a+b)/c"),
        (r"\frac{1}{2a}", "1/(2a)"),
        (r"\frac{-b \pm \sqrt{b^2-4ac}}{2a}", "(−b ± √(b²−4ac))/(2a)"),
        (r"\frac{\partial f}{\partial x}", "∂f/∂x"),
        (r"\sum_{i=1}^{n} i = \frac{n(n+1)}{2}", "∑ᵢ₌₁ⁿ i = n(n+1)/2"),
        (r"e^{i\pi}+1=0", "e^(iπ)+1=0"),
        (r"\alpha \to \beta \implies \gamma \in \mathbb{R}", "α → β ⟹ γ ∈ ℝ"),
        (r"O(n\log n)", "O(n log n)"),
        (r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}", "(a b; c d)"),
        (r"\begin{aligned} a &= b \\ c &= d \end{aligned}", "a = b\nc = d"),
        (r"\left( \frac{a}{b} \right)", "( a/b )"),
        (r"\theta_{\text{max}} \not= 90^\circ", "θₘₐₓ ≠ 90°"),
        (r"\sqrt[3]{x}", "³√x"),
    ],
)
def test_a_formula_is_readable(tex: str, text: str) -> None:
    assert readable(tex) == text


@pytest.mark.parametrize(
    "tex", [r"\xrightarrow{f}", r"\unknown{x}", r"\frac{a}", "{", "}", r"\begin{tikzcd} a \end{tikzcd}"]
)
def test_a_formula_that_is_not_understood_as_a_whole_stays_as_it_is(tex: str) -> None:
    assert readable(tex) is None


PIECES = (*"\\{}^_&$ abx12+-=[]()%'~\n", r"\frac", r"\sqrt", r"\begin", r"\left", r"\text", r"\log", r"\alpha")


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_text_is_read_without_an_error(tex: str) -> None:
    text = readable(tex)
    assert text is None or "\x00" not in text


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("so $x_1^2$ is", "so x₁² is"),
        ("so \\(a \\le b\\) is", "so a ≤ b is"),
        ("$$\n\\frac{a}{b}\n$$", "  a/b"),
        ("See \\[x^2\\] here", "See \n  x²\nhere"),
        ("It costs $5 and 6$, or **$7**.", "It costs $5 and 6$, or $7."),
        ("From $5-10$ to US$20, A$30.", "From $5-10$ to US$20, A$30."),
        ("C$5, A$ and B$", "C$5, A$ and B$"),
        ("kill $$ and echo $$", "kill $$ and echo $$"),
        (r"sed 's/\(foo\)/\[bar\]/'", r"sed 's/\(foo\)/\[bar\]/'"),
        ("join $a$b and ${x}${y}", "join $a$b and ${x}${y}"),
        ("`$x^2$` and $HOME/$PATH", "$x^2$ and $HOME/$PATH"),
        ("```\n$x^2$\n```", "$x^2$"),
        ("$\\unknown{x}_1 and_2$", "$\\unknown{x}_1 and_2$"),
        ("$my_long_name and *more*$", "$my_long_name and more$"),
    ],
)
def test_formulas_in_text_are_told_from_money_and_code(source: str, shown: str) -> None:
    assert render(source).text == shown


def test_a_formula_that_arrives_is_drawn_like_the_whole() -> None:
    source = "Thus $a^2 + b^2$ and\n\n$$\\frac{1}{2}$$\n\nend"
    live = LiveDocument()
    for end in range(1, len(source) + 1):
        shown = live.update(source[:end])
    assert [block.lines for block in shown] == [block.lines for block in render(source).blocks]
