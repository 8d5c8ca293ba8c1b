"""Styles and glyphs of drawn Markdown.

Colours are the theme's variables, so light, dark, ansi and no colour follow by themselves; whatever carries meaning is
also bold, underlined, indented or spelled out.
"""

from __future__ import annotations

STRONG = "bold"
EM = "italic"
STRIKE = "strike"
INLINE_CODE = "$text-warning"
MATH = "$text-secondary"
LINK = "$text-primary underline"
ADDRESS = "$foreground 75%"
MUTED = "$foreground 75%"
"""Not ``$text-muted``: inside text Textual reads that as plain white or black."""
FAINT = "$foreground 50%"
QUOTED = "italic"
CODE_FILL = "on $surface"
HEADINGS = ("bold underline $text-primary", "bold $text-primary", "bold $text-secondary", "bold")
"""Styles by level; deeper ones look like the last."""
MATCH = "bold reverse"
"""Matches of a search."""
CURRENT_MATCH = "bold underline $background on $warning"
"""Match on which the search stands."""
SELECTED = "bold $primary"
"""Bar and label of a block of code that is selected."""

BULLETS = ("• ", "◦ ", "▪ ")
QUOTE_BAR = "▎ "
TODO, DONE = "☐ ", "☑ "
RULE = "─"
COLUMN = " │ "
CROSSING = "─┼─"
