"""Actions on personas: choose one for the open conversation, from the list or by its name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sterna import config

from .undoable_actions import UndoableActions

if TYPE_CHECKING:
    from sterna.config import Persona, Personas

NONE = ""
"""Name of the line that takes the persona away."""


class PersonaActions(UndoableActions):
    """Sets what a persona says as settings of the conversation, which sync takes to other devices."""

    async def choose(self) -> None:
        """Choose a persona from the list."""
        from ..pickers.named import NamedPicker, Row

        personas = await self._personas()
        current = str(self._conversation.choices.get("persona") or "")
        rows = [Row(name, persona.description) for name, persona in personas.by_name.items()]
        if current:
            rows.append(Row(NONE, "back to the general settings", "No persona"))
        if not rows and not personas.problems:
            self._layout.notify(
                f"No personas yet. Each is a file NAME.md or NAME.toml in {personas.folder}.", timeout=12
            )
            return
        problems = [problem.replace(f"{personas.folder}/", "") for problem in personas.problems]
        picker = NamedPicker("Persona", rows, current=current, problems=problems)
        name = await self._layout.app.push_screen_wait(picker)
        if name == NONE:
            await self._set(config.NO_PERSONA)
            self._offer_undo("This conversation has no persona now.")
        elif name is not None:
            await self._use(personas.by_name[name])

    async def use(self, name: str) -> bool:
        """Use the persona of that name; return whether it is used. Raises ConfigError with a sentence."""
        return await self._use((await self._personas()).get(name))

    async def _use(self, persona: Persona) -> bool:
        from ..dialogs.confirm import Confirm
        from ..screens.persona_variables import PersonaVariables

        app, choices, now = self._layout.app, self._conversation.choices, self._context.clock()
        if choices.get("system_prompt") and not choices.get("persona"):
            question = "This conversation has a system prompt of its own. Replace it by the one of the persona?"
            if not await app.push_screen_wait(Confirm("System prompt", question, "Replace")):
                return False
        values: Mapping[str, str] | None = {}
        if persona.variables:
            values = await app.push_screen_wait(PersonaVariables(persona, now))
        if values is None:
            return False
        await self._set(persona.settings(values, now))
        model = f" with {persona.model}" if persona.model else ""
        self._offer_undo(f"Persona {persona.name}{model}, from the next message on.")
        return True

    async def _set(self, values: Mapping[str, Any]) -> None:
        await self._conversation.set_settings(values)
        await self._display.refresh()
        await self._display.show_welcome()

    async def _personas(self) -> Personas:
        return await asyncio.to_thread(config.load_personas, self._context.settings_file.folder)
