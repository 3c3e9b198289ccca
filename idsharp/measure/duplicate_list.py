"""The list of `--duplicates`: every image that has a copy or near-copy, and which one to keep."""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from idsharp.measure.audit import make_groups
from idsharp.measure.run import Measured

COLUMNS = ["group", "path", "label", "split", "kind", "keep", "why"]


def rows_of(measured: Measured) -> list[dict]:
    """One row per image of each group of identical and nearly identical images.

    A group holds the images that are linked by identity or by near pairs, directly or through
    others. `kind` is "exact" for an image that is identical to another of the group, else "near".
    `keep` is "yes", "no" or "check":

    * of a group with one label, one image is kept: the first in the test set where there is one,
      since a copy outside it makes the test too easy, else the first;
    * where labels differ, a person has to look ("check").
    """
    decoded, exact, near = measured.decoded, measured.exact, measured.near
    labels, splits, ids = (decoded.column(name) for name in ("label", "split", "id"))
    copies = np.zeros(len(ids), bool)
    # Each image of a group of identical ones is linked to the first.
    links = [near.pairs]
    for members in exact.members:
        copies[members] = True
        links.append(np.column_stack([np.full(len(members), members[0]), members]))
    rows, columns = np.concatenate(links).reshape(-1, 2).T
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(ids), len(ids)))
    groups = make_groups(connected_components(graph, directed=False)[1], labels, splits)
    listed = []
    for number, members in enumerate(groups.members, start=1):
        decisions = _decide(members, labels, splits)
        for position, (keep, why) in zip(members, decisions, strict=True):
            listed.append(
                {"group": number, "path": ids[position], "label": labels[position],
                 "split": splits[position], "kind": "exact" if copies[position] else "near",
                 "keep": keep, "why": why}
            )  # fmt: skip
    return listed


def _decide(members: np.ndarray, labels: np.ndarray, splits: np.ndarray) -> list[tuple[str, str]]:
    """Whether to keep each image of a group, and why."""
    found = sorted(set(labels[members]))
    if len(found) > 1:
        return [("check", f"labels of the group differ: {', '.join(found)}")] * len(members)
    in_test = splits[members] == "test"
    kept = int(np.argmax(in_test))
    sides = in_test.any() and not in_test.all()
    decisions = []
    for number in range(len(members)):
        if number == kept:
            reason = "in the test set" if sides else f"first of {len(members)}"
            decisions.append(("yes", reason))
        elif sides and not in_test[number]:
            decisions.append(("no", "also in the test set"))
        else:
            decisions.append(("no", "repeats the one that is kept"))
    return decisions
