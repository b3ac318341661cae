"""A page as a browser shows it: how wide it is, and what lies outside or on top of each other."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

LOOK = """
window.addEventListener('load', () => {
  for (const details of document.querySelectorAll('details')) details.open = true;
  const shown = element => element.getClientRects().length > 0;
  const box = element => element.getBoundingClientRect();
  const found = {
    inner_width: window.innerWidth, page_width: document.documentElement.scrollWidth,
    sized: 0, unsized: [], cut: [], overlapping: [], text: document.body.innerText,
  };
  for (const plot of document.querySelectorAll('svg, img')) {
    if (!shown(plot)) continue;
    const name = plot.getAttribute('aria-label') || plot.getAttribute('alt') || '?';
    const frame = box(plot);
    if (frame.width < 100 || frame.height < 30) { found.unsized.push(name); continue; }
    found.sized += 1;
    const labels = [...plot.querySelectorAll('text')].filter(label => label.textContent.trim());
    const boxes = labels.map(box);
    labels.forEach((label, place) => {
      const mine = boxes[place];
      if (mine.left < frame.left - 1 || mine.right > frame.right + 1 || mine.top < frame.top - 1
          || mine.bottom > frame.bottom + 1) found.cut.push(name + ': ' + label.textContent);
      for (let other = place + 1; other < labels.length; other += 1) {
        const its = boxes[other];
        const across = Math.min(mine.right, its.right) - Math.max(mine.left, its.left);
        const down = Math.min(mine.bottom, its.bottom) - Math.max(mine.top, its.top);
        // Boxes hold the room above and below letters, so rows of one label may touch.
        if (across > 1.5 && down > 0.4 * Math.min(mine.height, its.height))
          found.overlapping.push(name + ': ' + label.textContent + ' | ' + labels[other].textContent);
      }
    });
  }
  const note = document.createElement('pre');
  note.id = 'looked';
  note.textContent = JSON.stringify(found);
  window.parent.document.body.append(note);
});
"""


@dataclass(frozen=True)
class Look:
    """What a browser made of a page, every fold of it open.

    Attributes:
        inner_width: Of the window, in CSS pixels.
        page_width: Of the page; more than the window's means scrolling sideways.
        sized: Plots that are there.
        unsized: Plots without a size.
        cut: Labels of plots that reach out of them.
        overlapping: Pairs of labels of a plot that lie on each other.
        text: What can be read.
        complaints: What the browser wrote to its console.
    """

    inner_width: int
    page_width: int
    sized: int
    unsized: list[str]
    cut: list[str]
    overlapping: list[str]
    text: str
    complaints: list[str]


def look_at(page: str, folder: Path, width: int) -> Look:
    """Opens a page in a headless Chromium; skips the test where there is none.

    Args:
        page: The HTML.
        folder: For what the browser writes.
        width: Of the window in pixels.
    """
    marked = page.replace("</body>", f"<script>{LOOK}</script></body>")
    dumped = _run(_framed(marked, width, 900), folder, "--dump-dom")
    note = re.search(r'<pre id="looked">(.*?)</pre>', dumped.stdout, flags=re.DOTALL)
    assert note is not None, dumped.stderr[-2000:]
    complaints = [line for line in dumped.stderr.splitlines() if ":CONSOLE" in line]
    return Look(**json.loads(html.unescape(note.group(1))), complaints=complaints)


def _framed(page: str, width: int, height: int) -> str:
    """A page that holds another in a frame: Chromium makes no window narrower than 500 pixels, but any frame."""
    style = f"border:0;width:{width}px;height:{height}px"
    return (
        f'<!doctype html><body style="margin:0"><iframe style="{style}" srcdoc="{html.escape(page)}"></iframe></body>'
    )


def _run(page: str, folder: Path, order: str) -> subprocess.CompletedProcess[str]:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium is installed, so the page is not looked at")
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    return subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--hide-scrollbars",
            "--enable-logging=stderr",
            f"--user-data-dir={folder / 'profile'}",
            "--window-size=1600,1200",
            # Time of the page, not of the clock: a busy machine changes nothing.
            "--virtual-time-budget=20000",
            order,
            path.as_uri(),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
