"""How networks were trained, beside how the papers trained them."""

import pandas as pd

from idsharp.report.tables.records import RECIPE
from idsharp.report.tables.study import Study

#: What the papers' released code trains with (ICLR 2024, appendix, and its code); none is given for
#: SqueezeNet and the DenseNets.
_PAPERS = {
    "resnet18": (1e-3, 40), "resnet34": (1e-3, 25), "resnet50": (1e-3, 12),
    "vgg13": (1e-4, 6), "vgg16": (1e-4, 6), "vgg19": (1e-4, 6),
}  # fmt: skip
_VGG_ON_SVHN = 1e-6
_PAPERS_ALWAYS = {
    "optimizer": "Adam", "epochs": 100, "weight_decay": 1e-4, "outputs": 1000, "input_scale": 255,
    "precision": "mixed",
}  # fmt: skip


def hyperparameters(study: Study) -> pd.DataFrame:
    """One row per model and dataset: the recipe as run, and the papers' in `published_…`.

    A setting that differs between runs of a model on a dataset shows all its values.
    """
    rows = []
    for (model, dataset), runs in study.runs.groupby(["model", "dataset"], sort=False):
        as_run = {name: _all_values(runs[name]) for name in RECIPE}
        papers = {f"published_{name}": value for name, value in _published(model, dataset).items()}
        rows.append({"model": model, "dataset": dataset} | as_run | papers)
    published = [f"published_{name}" for name in (*_PAPERS_ALWAYS, "learning_rate", "batch_size")]
    return pd.DataFrame(rows, columns=["model", "dataset", *RECIPE, *published])


def _all_values(values: pd.Series) -> object:
    found = list(dict.fromkeys(values.dropna()))
    return found[0] if len(found) == 1 else ", ".join(map(str, found)) or None


def _published(model: str, dataset: str) -> dict:
    if model not in _PAPERS:
        return {}
    rate, batch = _PAPERS[model]
    if model.startswith("vgg") and dataset == "svhn":
        rate = _VGG_ON_SVHN
    return _PAPERS_ALWAYS | {"learning_rate": rate, "batch_size": batch}
