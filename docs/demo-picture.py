"""Draws docs/demo.svg from a real run of the demo in a terminal.

    pip install pyte
    python3 docs/demo-picture.py target/release/eqp > docs/demo.svg
"""

import fcntl
import html
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

import pyte

COLUMNS, ROWS = 116, 90
CELL, LINE, SIZE = 8.4, 18, 14
COLOURS = {"green": "#5fd787", "cyan": "#5fd7ff", "red": "#ff6b6b", "brown": "#ffd75f", "default": "#d0d4dc"}
FAINT = "#7d8590"


class Screen(pyte.Screen):
    """Knows faint text, which pyte does not."""

    def select_graphic_rendition(self, *attrs, **kwargs):
        if 2 in attrs:
            attrs = tuple(90 if attr == 2 else attr for attr in attrs)
        super().select_graphic_rendition(*attrs, **kwargs)


def run(program):
    screen = Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color")
        os.environ.pop("NO_COLOR", None)
        os.execv(program, [program, "demo"])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    end = time.monotonic() + 90
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            stream.feed(os.read(terminal, 65536))
        if any("until Ctrl-C" in line for line in screen.display):
            break
    os.kill(pid, signal.SIGINT)
    os.waitpid(pid, 0)
    return screen


def colour(cell):
    if cell.fg == "brightblack":
        return FAINT
    return COLOURS.get(cell.fg, COLOURS["default"])


def draw(screen):
    rows = [index for index, line in enumerate(screen.display) if line.strip()]
    first, last = rows[0], rows[-1]
    width, height = COLUMNS * CELL + 32, (last - first + 1) * LINE + 40
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img" '
        f'aria-label="A run of eqp demo in a terminal">',
        f'<rect width="100%" height="100%" rx="8" fill="#15181e"/>',
        f'<g font-family="ui-monospace,SFMono-Regular,Menlo,DejaVu Sans Mono,monospace" font-size="{SIZE}" xml:space="preserve">',
    ]
    for row in range(first, last + 1):
        line, column = screen.buffer[row], 0
        baseline = 30 + (row - first) * LINE
        while column < COLUMNS:
            start, cell = column, line[column]
            text = ""
            while column < COLUMNS and (line[column].fg, line[column].bold) == (cell.fg, cell.bold):
                text += line[column].data
                column += 1
            if text.strip():
                lead = len(text) - len(text.lstrip())
                text = text.strip()
                weight = ' font-weight="bold"' if cell.bold else ""
                out.append(
                    f'<text x="{16 + (start + lead) * CELL:.1f}" y="{baseline}" textLength="{len(text) * CELL:.1f}" '
                    f'fill="{colour(cell)}"{weight}>{html.escape(text)}</text>'
                )
    out.append("</g></svg>")
    print("\n".join(out))


draw(run(sys.argv[1]))
