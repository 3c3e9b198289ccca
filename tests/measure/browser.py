"""A headless browser for the page of `--report`; tests skip where there is none."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

# Run in the page when it has loaded; the answer stands in the title of the printed page.
_LOOK = """
<script>
addEventListener("load", () => {
  const seen = {
    images: [...document.images].map(image => image.naturalWidth),
    svgs: [...document.querySelectorAll("svg")].map(svg => svg.getBoundingClientRect().width),
    width: document.documentElement.scrollWidth, window: innerWidth,
    page: getComputedStyle(document.body).backgroundColor,
    ink: getComputedStyle(document.querySelector("svg text")).fill,
    loaded: performance.getEntriesByType("resource").map(entry => entry.name)
      .filter(name => !name.startsWith("data:")),
  };
  document.title = "seen" + JSON.stringify(seen);
});
</script>
"""


def look(page: Path, width: int, dark: bool = False) -> tuple[dict, list[str]]:
    """What a browser sees of a page in a window of this width, and what its console says."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser",
                                                   "google-chrome"))), None)  # fmt: skip
    if browser is None:
        pytest.skip("there is no Chromium")
    looked_at = page.with_name(f"looked_at_{page.name}")
    text = page.read_text(encoding="utf-8")
    # In a frame, because windows of headless browsers are no narrower than 500 pixels.
    looked_at.write_text(text.replace("</body>", _LOOK + "</body>"), encoding="utf-8")
    frame = page.with_name(f"frame_{page.name}")
    frame.write_text(
        f'<iframe id=f src="{looked_at.name}" style="width:{width}px;height:900px;border:0">'
        "</iframe><script>setInterval(() => { document.title = "
        "document.getElementById('f').contentDocument.title; }, 50)</script>"
    )
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         "--allow-file-access-from-files", "--virtual-time-budget=3000",
         f"--blink-settings=preferredColorScheme={0 if dark else 1}",
         f"--user-data-dir={page.parent / 'profile'}", "--dump-dom", frame.as_uri()],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    title = re.search(r"<title>seen(.*?)</title>", done.stdout, re.DOTALL)
    assert title, done.stdout[-500:]
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(unescape(title.group(1))), console
