"""What every column of every table means, with its unit: headings of LaTeX tables and axes."""

import re
from dataclasses import dataclass

import pandas as pd

from idsharp.properties.estimators import ESTIMATORS
from idsharp.report.columns_of_fits import FITS, IN_TABLE


@dataclass(frozen=True)
class Column:
    """A heading for people, the unit ("1" for pure numbers, "" for words), and the meaning."""

    heading: str
    unit: str
    meaning: str


COLUMNS = {
    "task": Column("Task", "", "dataset and what is told apart in it"),
    "dataset": Column("Dataset", "", "name in config.yaml"),
    "collection": Column("Collection", "", "images of one collection are one unit of evidence"),
    "domain": Column("Domain", "", "radiology or natural; all: both together"),
    "note": Column("Note", "", "what must be said wherever the dataset is shown"),
    "is_trained": Column("Trained", "", "whether networks were trained on the task"),
    "instead_of": Column(
        "Instead of", "", "task on the same images that stands for the dataset in regressions"
    ),
    "subset": Column("Subset", "", "pool: all images of the task; n500: the training set of 500"),
    "model": Column("Model", "", "network; all: every network together"),
    "n_train": Column("N", "images", "size of the training set; all: every size together"),
    "seed": Column("Seed", "", "number of the replicate"),
    "status": Column(
        "Status", "", "ok; diverged: the loss ceased to be finite; too few images: fewer than N"
    ),
    "image_size": Column("Size", "pixels", "height and width"),
    "channels": Column("Channels", "1", "1: gray, 3: color"),
    "classes": Column("Classes told apart", "", "labels of each class; the classes divided by |"),
    "n_classes": Column("Classes", "1", "number of classes"),
    "n_pool_requested": Column("Pool asked", "images", "pool size that the study asks for"),
    "n_pool": Column("Pool", "images", "class-balanced pool that the data gave"),
    "n_test": Column("Test", "images", "fixed, class-balanced test set"),
    "n_images": Column("n", "images", "images measured"),
    "n_duplicates": Column("Duplicates", "images", "images identical to an earlier one, collapsed"),
    "n_label_conflicts": Column(
        "Conflicts", "images", "images that occur under several labels, left out of K_F"
    ),
    "n_unreadable": Column("Unreadable", "images", "files replaced because they cannot be decoded"),
    "n_patients": Column("Patients", "1", "patients in the pool; 0: no ids"),
    "split": Column("Split", "", "how test images are set apart: patient, image or official"),
    "patient_disjoint": Column("By patient", "", "whether no patient stands on both sides"),
    "k": Column("k", "1", "neighbors of the MLE"),
    "label_sharpness": Column(
        "K_F at M",
        "1/intensity",
        "label sharpness of M images in gray, all pairs; mean over draws",
    ),
    "label_sharpness_sd": Column("SD", "1/intensity", "standard deviation of K_F over draws"),
    "label_sharpness_m": Column(
        "M", "images", "images to a draw; all of them where there are fewer"
    ),
    "label_sharpness_draws": Column("Draws", "1", "draws behind K_F at M"),
    "draws_share_images": Column(
        "Draws share images",
        "",
        "whether M > n/5: draws overlap, and their spread is less than the error of K_F",
    ),
    "label_sharpness_all": Column("K_F, all", "1/intensity", "all pairs of images, in gray"),
    "label_sharpness_resolution_free": Column(
        "K_F at M, res.-free",
        "1",
        "K_F at M, in color where there is, per root-mean-square change of the range",
    ),
    "label_sharpness_sd_resolution_free": Column("SD, res.-free", "1", "its standard deviation"),
    "label_sharpness_all_resolution_free": Column(
        "K_F, all, res.-free", "1", "K_F over all pairs per root-mean-square change of the range"
    ),
    "label_sharpness_n": Column(
        "n (K_F)", "images", "different images with one label, from which the draws are taken"
    ),
    "label_sharpness_shared": Column(
        "Shared",
        "1",
        "M/n, the share of images that two draws have in common on average: where it is large, "
        "the SD over draws says little about another sample; empty where M is n",
    ),
    "label_sharpness_released": Column(
        "K_F, released rule",
        "1/intensity",
        "closest pair of the same class among random pairs, as the papers' released code takes it; "
        "mean over draws, in gray",
    ),
    "label_sharpness_released_sd": Column(
        "SD, released rule", "1/intensity", "standard deviation over draws"
    ),
    "label_sharpness_released_m": Column(
        "M, released rule", "images", "images to a draw: at most 1000, in batches of 500"
    ),
    "label_sharpness_released_pairs": Column(
        "Pairs, released rule", "pairs", "random pairs to a draw, of any classes"
    ),
    "label_sharpness_released_draws": Column("Draws, released rule", "1", "draws behind it"),
    "label_sharpness_released_resolution_free": Column(
        "K_F, released rule, res.-free",
        "1",
        "the released rule, in color where there is, per root-mean-square change of the range",
    ),
    "label_sharpness_released_sd_resolution_free": Column(
        "SD, released rule, res.-free", "1", "its standard deviation"
    ),
    "train_loss": Column("Train loss", "nats", "cross-entropy over the last epoch"),
    "train_accuracy": Column("Train acc.", "1", "accuracy over the last epoch"),
    "test_loss": Column("Test loss", "nats", "cross-entropy on the test set, final epoch"),
    "above_chance_loss": Column(
        "Above chance", "", "whether the test loss is above ln(classes), that of guessing"
    ),
    "test_accuracy": Column("Test acc.", "1", "accuracy on the test set, final epoch"),
    "highest_test_accuracy": Column("Highest acc.", "1", "highest test accuracy over epochs"),
    "constant_output": Column(
        "Constant", "", "whether the logits are the same for every test image: nothing was learned"
    ),
    "epochs_done": Column("Epochs", "1", "epochs that ended with a finite loss"),
    "train_seconds": Column("Time", "s", "wall time of training and of testing every epoch"),
    "images_per_second": Column("Speed", "images/s", "training images over wall time"),
    "peak_memory_mb": Column("Memory", "MB", "peak: reserved on the GPU, or of the process"),
    "n_interruptions": Column("Interrupted", "1", "how often the run was killed and went on"),
    "data_id": Column("d_data", "1", "ID of the training set, by the study's estimator"),
    "data_id_as_representation": Column(
        "d_data, as d_repr", "1", "ID of the training set, by the estimator of d_repr"
    ),
    "pool_id": Column(
        "ID", "1", "ID of the pool, which holds the test images too, by the study's estimator"
    ),
    "dataset_id": Column(
        "ID of the dataset", "1", "ID of the whole dataset where it is measured, else of the pool"
    ),
    "pool_sharpness": Column(
        "K_F of the pool", "1/intensity", "in gray, at the largest M that all pools have"
    ),
    "pool_sharpness_m": Column("M", "images", "images to a draw of K_F of the pool"),
    "representation_id": Column(
        "d_repr", "1", "ID of the penultimate representation, by the study's estimator"
    ),
    "id_estimator": Column("Estimator", "", "estimator of d_data and of the pool's ID"),
    "representation_estimator": Column("Estimator of d_repr", "", "estimator of d_repr"),
    "layer": Column("Layer", "", "input: the images; penultimate: before the head; else a block"),
    "depth": Column("Depth", "1", "share of the network's layers, from 0 (images) to 1 (logits)"),
    "is_peak": Column("Peak", "", "whether it is the run's hidden layer of highest dimension"),
    "n_features": Column("p", "1", "values an image at the layer"),
    "attack": Column(
        "Attack",
        "",
        "fgsm: one step of the sign of the gradient; pgd: projected gradient descent, many such "
        "steps, the worst of its restarts; both within an L∞ bound",
    ),
    "epsilon_255": Column("ε", "1/255", "L∞ bound in steps of 1/255 of the intensity range"),
    "steps": Column("Steps", "1", "gradient steps of a restart"),
    "step_size_255": Column("Step", "1/255", "how far a pixel moves in a step"),
    "restarts": Column("Restarts", "1", "random starts, of which each image keeps the worst"),
    "n_test_images": Column("n test", "images", "test images attacked"),
    "clean_loss": Column("Clean loss", "nats", "cross-entropy without attack"),
    "attacked_loss": Column("Attacked loss", "nats", "cross-entropy under attack"),
    "loss_penalty": Column("Penalty", "nats", "attacked loss − clean loss"),
    "clean_accuracy": Column("Clean acc.", "1", "accuracy without attack"),
    "attacked_accuracy": Column("Attacked acc.", "1", "accuracy under attack"),
    "n_attacked_correct": Column("Right", "images", "test images right under attack"),
    "attacked_accuracy_low": Column("95 % low", "1", "Wilson interval of the attacked accuracy"),
    "attacked_accuracy_high": Column("95 % high", "1", "Wilson interval of the attacked accuracy"),
    "robust_accuracy": Column("Robust acc.", "1", "right without and under attack"),
    "n_robust": Column("Robust", "images", "test images right without and under attack"),
    "robust_accuracy_low": Column("95 % low", "1", "Wilson interval of the robust accuracy"),
    "robust_accuracy_high": Column("95 % high", "1", "Wilson interval of the robust accuracy"),
    "n_zero_gradient": Column(
        "No gradient",
        "images",
        "test images whose gradient is zero everywhere or not finite, so that no attack moves them",
    ),
    "n": Column("n", "points", "points fitted"),
    "reason": Column("Not measured because", "", "why values of this row are missing"),
}

for _name, _estimator in ESTIMATORS.items():
    for _key, _short, _of in (
        (_name, "ID", "images"),
        (f"representation_{_name}", "d_repr", "representation"),
    ):
        COLUMNS[_key] = Column(
            f"{_short} ({_estimator.heading})",
            "1",
            f"dimension of the {_of}: {_estimator.meaning}",
        )
        COLUMNS[f"{_key}_se"] = Column("SE", "1", f"standard error of {_key}")

_RECIPE = {
    "optimizer": ("Optimizer", "", "optimizer"),
    "learning_rate": ("Rate", "1", "learning rate"),
    "batch_size": ("Batch", "images", "images to a step"),
    "epochs": ("Epochs", "1", "epochs asked for"),
    "weight_decay": ("Weight decay", "1", "weight decay"),
    "outputs": ("Head", "1", "outputs of the head"),
    "input_scale": ("Input scale", "1", "what images in [0, 1] are multiplied by"),
    "precision": ("Precision", "", "number format of training"),
    "deterministic": ("Deterministic", "", "whether a GPU, too, repeats the same to the last bit"),
}
for _name, (_heading, _unit, _meaning) in _RECIPE.items():
    COLUMNS[_name] = Column(_heading, _unit, f"{_meaning}, as run")
    COLUMNS[f"published_{_name}"] = Column(f"{_heading}, papers", _unit, f"{_meaning}, the papers'")
for _name, _words in FITS.items():
    COLUMNS[_name] = Column(*_words)


def heading(name: str) -> str:
    """Heading with unit, as tables and axes show it."""
    column = COLUMNS[name]
    return column.heading if column.unit in ("", "1") else f"{column.heading} [{column.unit}]"


def dictionary(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """A row for every column of every table: table, column, unit, meaning."""
    rows = [
        {
            "table": table,
            "column": name,
            "unit": column_in(table, name).unit,
            "meaning": column_in(table, name).meaning,
        }
        for table, frame in tables.items()
        for name in frame
    ]
    return pd.DataFrame(rows)


def column_in(table: str, name: str) -> Column:
    """A column, where tables differ in what they mean by it, as this one does."""
    own, fewer = IN_TABLE.get((table, name)), _AT_FEWER.fullmatch(name)
    if (at_k := _AT_K.fullmatch(name)) is not None:
        k = at_k[1]
        return Column(f"ID at k = {k}", "1", f"ID by maximum likelihood (k − 1) with {k} neighbors")
    if fewer is not None:
        m, sd, free = fewer.groups()
        meaning = f"{'SD over draws of ' if sd else ''}K_F of {m} images"
        unit = "1" if free else "1/intensity"
        meaning += ", in color where there is, per root-mean-square change of the range" * bool(
            free
        )
        return Column(f"K_F at {m}", unit, meaning)
    return COLUMNS[name] if own is None else Column(*own)


_AT_K = re.compile(r"id_mle_k1_at_k(\d+)")
#: K_F at fixed numbers of images below M, as many as the records have.
_AT_FEWER = re.compile(r"label_sharpness_at_(\d+)(_sd)?(_resolution_free)?")
