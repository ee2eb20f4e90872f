"""Draws the pictures of README from real runs of the tool in a terminal.

    pip install pyte
    python3 docs/pictures.py target/release/eqp            # all of them
    python3 docs/pictures.py target/release/eqp release    # docs/release.svg

The extension, its manifest and the simulated Marketplace are created in a temporary folder.
"""

import contextlib
import fcntl
import html
import json
import os
import pathlib
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import zipfile

import pyte

COLUMNS, ROWS = 116, 90
CELL, LINE, SIZE = 8.4, 18, 14
COLOURS = {"green": "#5fd787", "cyan": "#5fd7ff", "red": "#ff6b6b", "brown": "#ffd75f", "default": "#d0d4dc"}
FAINT = "#7d8590"
DOCS = pathlib.Path(__file__).parent
# Excludes phpcs and svc, which would change the report on machines that have them.
PATH = "/usr/bin:/bin"

MANIFEST = """\
[package]
item_id = "checkout-1.2.0"
type = "extension"
platform = "M2"
name = "Checkout"
version = "1.2.0"
release_notes = "Faster"
artifact = "checkout-1.2.0.zip"
documentation_artifacts = { user = "guide.pdf" }
version_compatibility = [{ edition = "CE", versions = ["2.4"] }]
action = { technical = "submit" }
"""
COMPOSER = {
    "name": "acme/module-checkout",
    "description": "Checkout",
    "type": "magento2-module",
    "version": "1.2.0",
    "license": "OSL-3.0",
    "require": {"php": "~8.2.0||~8.3.0||~8.4.0||~8.5.0", "magento/framework": "103.0.*"},
    "autoload": {"files": ["registration.php"], "psr-4": {"Acme\\Checkout\\": ""}},
}
REGISTRATION = """\
<?php
use Magento\\Framework\\Component\\ComponentRegistrar;
ComponentRegistrar::register(ComponentRegistrar::MODULE, 'Acme_Checkout', __DIR__);
"""
MODULE = """\
<?xml version="1.0"?>
<config xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="urn:magento:framework:Module/etc/module.xsd">
    <module name="Acme_Checkout"/>
</config>
"""
GUIDE = """\
%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj
trailer<</Root 1 0 R>>
%%EOF
"""


class Screen(pyte.Screen):
    """A terminal that also knows faint text, which pyte does not."""

    def select_graphic_rendition(self, *attrs, **kwargs):
        if 2 in attrs:
            attrs = tuple(90 if attr == 2 else attr for attr in attrs)
        super().select_graphic_rendition(*attrs, **kwargs)


def run(command, folder, variables=None, until=None):
    """Runs a command in a terminal, to its end or until a text is on the screen."""
    screen = Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    pid, terminal = pty.fork()
    if pid == 0:
        # The size of the terminal is set by the parent.
        time.sleep(0.2)
        os.chdir(folder)
        environment = {"TERM": "xterm-256color", "HOME": str(folder), "PATH": PATH, **(variables or {})}
        os.execve(command[0], command, environment)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    end = time.monotonic() + 90
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                stream.feed(os.read(terminal, 65536))
            except OSError:
                break
        if until and any(until in line for line in screen.display):
            break
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)
    os.waitpid(pid, 0)
    return screen


def write_extension(folder, is_faulty):
    composer, module = COMPOSER, MODULE
    files = {}
    if is_faulty:
        composer = {**COMPOSER, "version": "1.2"}
        module = MODULE.replace("Acme_Checkout", "Acme_CheckOut")
        files = {".DS_Store": "", "Model/Total.php": "<?php\nnamespace Acme\\Checkout\\Model;\n// TODO taxes\nclass Total {}\n"}
    files |= {
        "composer.json": json.dumps(composer, indent=4),
        "registration.php": REGISTRATION,
        "etc/module.xml": module,
        "LICENSE.txt": "Open Software License 3.0\n",
        "README.md": "# Checkout\n",
    }
    with zipfile.ZipFile(folder / "checkout-1.2.0.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    (folder / "guide.pdf").write_text(GUIDE)
    (folder / "release.toml").write_text(MANIFEST)


def demo(program, folder):
    return run([program, "demo"], folder, until="Ctrl-C to stop"), None


def check(program, folder):
    write_extension(folder, is_faulty=True)
    arguments = ["packages", "check", "checkout-1.2.0.zip", "--manifest", "release.toml"]
    return run([program, *arguments], folder), arguments


def release(program, folder):
    write_extension(folder, is_faulty=False)
    environment = {"HOME": str(folder), "PATH": PATH}
    # Faster than a review, but slow enough that each step takes some time.
    simulator = subprocess.Popen(
        [program, "simulator", "--speed", "60", "--data-dir", "data"],
        cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        file = folder / "data/simulator/eqp.env"
        while not file.exists():
            assert simulator.poll() is None, "the simulator has ended"
            time.sleep(0.1)
        lines = [line.removeprefix("export ") for line in file.read_text().splitlines() if line.startswith("export ")]
        variables = {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}
        arguments = ["release", "--until", "technical"]
        return run([program, *arguments], folder, variables), arguments
    finally:
        simulator.send_signal(signal.SIGINT)
        simulator.wait()


def colour(cell):
    if cell.fg == "brightblack":
        return FAINT
    return COLOURS.get(cell.fg, COLOURS["default"])


def text_element(x, y, text, fill, is_bold=False):
    weight = ' font-weight="bold"' if is_bold else ""
    return f'<text x="{x:.1f}" y="{y}" textLength="{len(text) * CELL:.1f}" fill="{fill}"{weight}>{html.escape(text)}</text>'


def draw(screen, arguments):
    rows = [index for index, line in enumerate(screen.display) if line.strip()]
    first, last = rows[0], rows[-1]
    command = f"$ eqp {' '.join(arguments)}" if arguments else None
    # The command takes a line, and there is an empty line below it.
    top = 30 + (2 * LINE if command else 0)
    width, height = COLUMNS * CELL + 32, top + 10 + (last - first + 1) * LINE
    name = command.removeprefix("$ ") if command else "eqp demo"
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img" '
        f'aria-label="A run of {html.escape(name)} in a terminal">',
        '<rect width="100%" height="100%" rx="8" fill="#15181e"/>',
        f'<g font-family="ui-monospace,SFMono-Regular,Menlo,DejaVu Sans Mono,monospace" font-size="{SIZE}" xml:space="preserve">',
    ]
    if command:
        out.append(text_element(16, 30, command, COLOURS["default"], is_bold=True))
    for row in range(first, last + 1):
        line, column = screen.buffer[row], 0
        baseline = top + (row - first) * LINE
        while column < COLUMNS:
            start, cell = column, line[column]
            text = ""
            while column < COLUMNS and (line[column].fg, line[column].bold) == (cell.fg, cell.bold):
                text += line[column].data
                column += 1
            if text.strip():
                lead = len(text) - len(text.lstrip())
                out.append(text_element(16 + (start + lead) * CELL, baseline, text.strip(), colour(cell), cell.bold))
    out.append("</g></svg>")
    return "\n".join(out) + "\n"


PICTURES = {"demo": demo, "check": check, "release": release}

program = os.path.abspath(sys.argv[1])
for picture in sys.argv[2:] or PICTURES:
    with tempfile.TemporaryDirectory() as folder:
        screen, arguments = PICTURES[picture](program, pathlib.Path(folder))
    (DOCS / f"{picture}.svg").write_text(draw(screen, arguments))
