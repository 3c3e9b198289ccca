"""The page in a browser: no error, nothing fetched, every image has a size, narrow and dark too."""

import html
import json
import re
import shutil
import subprocess

import pytest

from tests.report.page.test_page import write_page

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
]
WIDTHS = (400, 1200)

# Runs in the page after everything is loaded, and tells the window around it.
_ASK = """
<script>addEventListener("load", () => {
  const style = getComputedStyle(document.body);
  parent.postMessage({
    window: innerWidth,
    width: document.documentElement.scrollWidth,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    paper: style.backgroundColor,
    ink: style.color,
    images: [...document.querySelectorAll("figure img, figure svg")].map(image => {
      const box = image.getBoundingClientRect();
      return {width: box.width, height: box.height, loaded: image.complete ?? true,
              name: image.getAttribute("alt") || image.getAttribute("aria-label")};
    }),
    lost: [...document.querySelectorAll('a[href^="#"]')].map(link => link.getAttribute("href"))
      .filter(address => !document.getElementById(address.slice(1))),
    twice: [...document.querySelectorAll("[id]")].map(element => element.id)
      .filter((id, place, all) => all.indexOf(id) < place),
  }, "*");
})</script>
"""
# No window of a browser is narrower than 500 pixels; a frame may be.
_FRAMES = """<!DOCTYPE html><title>frames</title><body><script>
const told = [];
addEventListener("message", message => {
  told.push(message.data);
  document.body.dataset.told = JSON.stringify(told);
});
</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("browser"))


def opened(page, scheme):
    """What the browser finds at each width, and what it writes to its console."""
    folder = page.parent
    asked, frames = folder / "asked.html", folder / "frames.html"
    asked.write_text(page.read_text().replace("</body>", f"{_ASK}</body>"))
    frame = '<iframe src="asked.html" width="{}" height="900" style="border: 0"></iframe>'
    frames.write_text(_FRAMES + "".join(frame.format(width) for width in WIDTHS))
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         f"--user-data-dir={folder / 'profile'}", "--window-size=1600,1000", "--hide-scrollbars",
         "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr",
         f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}",
         "--virtual-time-budget=10000", "--dump-dom", frames.as_uri()],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    [told] = re.findall(r'data-told="([^"]*)"', done.stdout)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(html.unescape(told)), console


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_the_page_without_complaint(page, scheme):
    told, console = opened(page, scheme)
    # A request would be refused, and the refusal written to the console.
    assert not console
    assert sorted(found["window"] for found in told) == sorted(WIDTHS)
    for found in told:
        assert found["width"] <= found["window"], "the page scrolls sideways"
        assert found["dark"] is (scheme == "dark")
        assert contrast(found["paper"], found["ink"]) > 7
        assert len(found["images"]) >= 18
        for image in found["images"]:
            assert 100 < image["width"] <= found["window"], image
            assert image["height"] > 20 and image["loaded"] and image["name"], image
        assert not found["lost"]
        assert not found["twice"]


def contrast(*colors):
    """Ratio of luminances, as the accessibility guidelines of the web define it."""
    lights = []
    for color in colors:
        shares = [int(value) / 255 for value in re.findall(r"\d+", color)[:3]]
        linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)
    return max(lights) / min(lights)
