"""The page of `--report`: one HTML file that needs no server, no network and no script."""

import base64
import io
import re
from html import escape
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from idsharp.common.records import write_text
from idsharp.measure.compared import Compared
from idsharp.measure.pairs import Pair, duplicate_pairs, sharpest_pairs
from idsharp.measure.plots import plots_of
from idsharp.measure.run import Measured
from idsharp.measure.table import sections
from idsharp.measure.text import printable
from idsharp.measure.verdict import Sentence, verdict
from idsharp.report.figures.style import styled

_PAIRS_SHOWN = 12
# Pixels of a picture's longer side, at least, so that small images can be seen.
_SHOWN_SIZE = 128

_CAPTIONS = {
    "dimension_over_k": "Intrinsic dimension over the number of neighbors k: larger k looks "
    "farther. Where it changes much with k, quote k beside it.",
    "local_dimension": "Intrinsic dimension at each image. A long tail or several peaks mean that "
    "parts of the collection differ in dimension.",
    "sharpness_over_m": "Label sharpness over the number of images M: a maximum grows with the "
    "number of pairs, so compare collections at one M.",
    "against": "This collection among others: the values that the papers print, or the atlas.",
    "expected": "Accuracy and loss of a ResNet-18 as the atlas predicts them (green, with the band "
    "that holds a new collection's curve with 90 %), and the collections of the atlas.",
}

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1c; --page: #ffffff; --soft: #5f6368; --line: #d9d9d9;
  --warn: #fff3e0; --warn-line: #d55e00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --page: #17191c; --soft: #a3a8ae;
  --line: #3a3d42; --warn: #33261a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 4rem; color: var(--ink);
  background: var(--page); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; }
.where, figcaption, .name { color: var(--soft); font-size: .875rem; }
ul.verdict { padding: 0; list-style: none; }
ul.verdict li { margin: .4rem 0; padding: .4rem .8rem; border-left: 4px solid var(--line); }
ul.verdict li.warns { background: var(--warn); border-color: var(--warn-line); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .93rem; }
caption { text-align: left; font-weight: 600; padding: .8rem 0 .2rem; }
th, td { text-align: left; vertical-align: top; padding: .2rem 1.2rem .2rem 0; font-weight: normal;
  border-top: 1px solid var(--line); }
.grid { display: grid; gap: 1.2rem; grid-template-columns: repeat(auto-fill,
  minmax(min(17rem, 100%), 1fr)); }
.wide { grid-template-columns: repeat(auto-fill, minmax(min(24rem, 100%), 1fr)); }
figure { margin: 0; } .two { display: flex; gap: .4rem; }
.two > div { flex: 1 1 0; min-width: 0; }
.two img { width: 100%; height: auto; image-rendering: pixelated; display: block; }
svg { max-width: 100%; height: auto; } svg text { fill: currentColor; }
@media print { body { max-width: none; } figure { break-inside: avoid; } }
"""


def write_page(path: Path, measured: Measured, compared: Compared, versions: dict) -> None:
    """Write the page atomically."""
    write_text(path, page(measured, compared, versions))


def page(measured: Measured, compared: Compared, versions: dict) -> str:
    """The whole page.

    Args:
        compared: what stands beside the measurement.
        versions: of the software, from `idsharp.common.provenance`.
    """
    record = measured.record
    name = _text(record["name"])
    parts = [
        f"<h1>{name}</h1><p class=where>{_text(record['path'])}</p>",
        _sentences(verdict(record)),
        "<h2>Measured</h2>",
        *(_table(section.title, section.rows, section.heads) for section in sections(record)),
        _pairs(
            measured,
            "The most similar images with different labels",
            "Are these labels right? If so, a network has to tell apart images as close as these.",
            sharpest_pairs(measured, _PAIRS_SHOWN),
        ),
        _pairs(
            measured,
            "Copies and near-copies",
            "Those that contradict each other first, then those on both sides of a split.",
            duplicate_pairs(measured),
        ),
        in_words(compared),
        _plots(measured, compared),
        _method(record),
        _table("Versions", [[str(key), str(value)] for key, value in versions.items()]),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Without one, browsers ask the server for an icon.
        '<link rel="icon" href="data:,">\n'
        f"<title>{name}: intrinsic dimension and label sharpness</title>\n"
        f"<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(filter(None, parts))
        + "\n</body>\n</html>\n"
    )


def _text(value: object) -> str:
    return escape(printable(str(value)))


def _sentences(sentences: list[Sentence]) -> str:
    items = "".join(
        f"<li{' class=warns' if sentence.warns else ''}>{_text(sentence.text)}</li>"
        for sentence in sentences
    )
    return f"<ul class=verdict>{items}</ul>"


def in_words(compared: Compared) -> str:
    """What stands beside the measurement, without pictures."""
    if not compared.sentences:
        return ""
    tables = "".join(_table(each.title, each.rows, each.heads) for each in compared.sections)
    return f"<h2>In the atlas</h2>{_sentences(compared.sentences)}{tables}"


def _table(title: str, rows: list[list[str]], heads: list[str] | None = None) -> str:
    body = "".join(f"<th scope=col>{_text(head)}</th>" for head in ["", *heads]) if heads else ""
    body += "".join(
        "<tr>" + f"<th scope=row>{_text(first).replace('  ', '&emsp;')}</th>"
        + "".join(f"<td>{_text(cell)}</td>" for cell in cells) + "</tr>"
        for first, *cells in rows
    )  # fmt: skip
    return f"<div class=scroll><table><caption>{_text(title)}</caption>{body}</table></div>"


def _pairs(measured: Measured, title: str, words: str, pairs: list[Pair]) -> str:
    if not pairs:
        return ""
    shown = "".join(
        f"<figure><div class=two>{_side(measured, pair, 0)}{_side(measured, pair, 1)}</div>"
        f"<figcaption>{_text(pair.caption)}</figcaption></figure>"
        for pair in pairs
    )
    return f"<h2>{_text(title)}</h2><p>{_text(words)}</p><div class=grid>{shown}</div>"


def _side(measured: Measured, pair: Pair, side: int) -> str:
    image = measured.decoded.image(pair.positions[side])
    alt = _text(f"{pair.names[side]}, {pair.titles[side]}")
    height, width = image.shape[1:]
    return (
        f'<div><div>{_text(pair.titles[side])}</div><img alt="{alt}" width={width} height={height} '
        f'src="{_data_uri(image)}"><div class=name>{_text(pair.names[side])}</div></div>'
    )


def _data_uri(image: np.ndarray) -> str:
    """An image as PNG, large enough to see."""
    picture = Image.fromarray(np.moveaxis(image, 0, 2).squeeze())
    factor = max(1, -(-_SHOWN_SIZE // max(picture.size)))
    picture = picture.resize([factor * side for side in picture.size], Image.Resampling.NEAREST)
    stream = io.BytesIO()
    picture.save(stream, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def _plots(measured: Measured, compared: Compared) -> str:
    shown = "".join(
        f"<figure>{inline_svg(figure, _CAPTIONS[name])}"
        f"<figcaption>{_text(_CAPTIONS[name])}</figcaption></figure>"
        for name, figure in plots_of(measured, compared).items()
    )
    return f"<h2>Curves</h2><div class='grid wide'>{shown}</div>" if shown else ""


@styled
def inline_svg(figure: Figure, label: str) -> str:
    """A figure as SVG for a page; what is black takes the color of the page's text.

    Args:
        label: what it shows, for those who do not see it.
    """
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"(stroke|fill): #000000", r"\1: currentColor", svg)
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)


def _method(record: dict) -> str:
    size = f"{record['height']}×{record['width']}"
    words = [
        f"{record['n_images']} of {record['n_available']} images were measured at {size} pixels"
        + (" (resized)" if record["resized"] else "")
        + (", each scaled by its own maximum to 255." if record["scaling"] == "maximum" else "."),
        f"The dimension is the maximum-likelihood estimate from the k = {record['k']} nearest "
        "neighbors, and TwoNN; 95 % intervals allow for neighbors that images share, and cover no "
        "bias: with few images, high dimensions are underestimated.",
        "Label sharpness K_F is the largest |difference of labels| / distance over pairs of "
        "images. The released rule, beside it, is that of the papers' published code: the closest "
        "pair of the same class among random pairs.",
        f"Nearly identical images differ by less than {record['near_duplicate_threshold']:g} of "
        f"255 (root mean square), among {record['n_audited_near']} images. Seed {record['seed']}.",
    ]
    return "<h2>How it was measured</h2>" + "".join(f"<p>{_text(each)}</p>" for each in words)
