"""Figures inside a page: drawings as SVG, photographs as PNG of moderate size."""

import base64
import io
import re
from pathlib import Path
from xml.etree import ElementTree

from PIL import Image

_SVG, _LINK = "http://www.w3.org/2000/svg", "{http://www.w3.org/1999/xlink}href"
#: On a screen figures are larger than in print, so that 7 pt become 9.
_SCALE = 1.3
#: Most pixels across, for screens of twice 96 dpi.
_WIDTH = 1600
#: Bytes that a photograph may have; a larger one is shown with fewer pixels.
_MOST_BYTES = 700_000


def svg_inside(path: Path, name: str, alternative: str) -> str:
    """An SVG file as an element of a page.

    Names inside it become unique within the page, and its style sheet, which would hold for the
    whole page, is left to the page's own.
    """
    root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}style", f"{{{_SVG}}}metadata"):
                parent.remove(child)
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == "id":
                element.set(key, f"{name}-{value}")
            elif key == _LINK and value.startswith("#"):
                element.set(key, f"#{name}-{value[1:]}")
            else:
                element.set(key, re.sub(r"url\(#", f"url(#{name}-", value))
    _, _, width, height = (float(part) for part in root.attrib["viewBox"].split())
    # A unit of matplotlib's drawings is a point; of the page, 1/96 inch.
    root.set("width", f"{width * _SCALE * 96 / 72:.0f}")
    root.set("height", f"{height * _SCALE * 96 / 72:.0f}")
    root.set("role", "img")
    root.set("aria-label", alternative)
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    return ElementTree.tostring(root, encoding="unicode")


def png_inside(path: Path) -> tuple[str, int, int]:
    """A PNG file as a data address, with its width and height in pixels as shown (of 96 dpi)."""
    with Image.open(path) as image:
        dpi = image.info.get("dpi", (300, 300))[0]
        shown = [round(side * _SCALE * 96 / dpi) for side in image.size]
        picture, width = image.convert("RGB"), min(_WIDTH, image.width)
    while True:
        height = round(picture.height * width / picture.width)
        smaller = picture.resize((width, height), Image.Resampling.LANCZOS)
        data = io.BytesIO()
        smaller.quantize(256, dither=Image.Dither.NONE).save(data, "PNG", optimize=True)
        if len(data.getvalue()) <= _MOST_BYTES or width <= shown[0] // 2:
            address = base64.b64encode(data.getvalue()).decode("ascii")
            return f"data:image/png;base64,{address}", *shown
        width = int(0.8 * width)
