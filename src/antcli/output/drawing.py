"""How prompt_toolkit draws on our terminal: in our colours, without questions to it, and right after a resize."""

from __future__ import annotations

import os
from typing import Any

from antcli.output.surface import Surface
from antcli.output.text import text_width

ESCAPE_SECONDS = 0.1  # how long an Esc may be the beginning of another key


def drawing_output(surface: Surface) -> Any:
    """The terminal, without questions about the cursor: their answers would come among the keys."""
    from prompt_toolkit.data_structures import Size
    from prompt_toolkit.output import ColorDepth
    from prompt_toolkit.output.vt100 import Vt100_Output

    def size() -> Any:
        return Size(rows=surface.height, columns=surface.width)

    depth = ColorDepth.DEPTH_1_BIT if not surface.colour else None
    file: Any = surface.stream
    return Vt100_Output(file, size, term=os.environ.get("TERM"), default_color_depth=depth, enable_cpr=False)


def settle(app: Any) -> None:
    """Makes Esc answer soon, and a resize leave no traces."""
    app.timeoutlen = app.ttimeoutlen = ESCAPE_SECONDS
    resized = app._on_resize

    def on_resize() -> None:
        app.output.cursor_up(_wrapped_above(app))
        resized()

    app._on_resize = on_resize


def _wrapped_above(app: Any) -> int:
    """Rows that a narrower terminal has put between the first row drawn and the cursor, by wrapping them anew."""
    screen = app.renderer.last_rendered_screen
    if screen is None:
        return 0
    columns = max(app.output.get_size().columns, 1)
    cursor = screen.get_cursor_position(app.layout.current_window)
    more = cursor.x // columns
    for row in range(cursor.y):
        cells = screen.data_buffer[row]
        last = max((x for x, char in cells.items() if char.char.strip()), default=-1)
        used = 0 if last < 0 else last + max(text_width(cells[last].char), 1)
        more += max(-(-used // columns) - 1, 0)
    return int(more)
