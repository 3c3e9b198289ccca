"""MURA, bone X-rays of the upper limb (Rajpurkar et al. 2018, arXiv 1712.06957)."""

import pandas as pd

from idsharp.datasets.label_table import StanfordDataset


class MuraDataset(StanfordDataset):
    """Images of MURA-v1.1; the label is that of the study, negative or positive.

    Another column is `body_part`. A patient number stands for the same person in all of them.
    """

    table = "train_image_paths.csv"
    valid_table = "valid_image_paths.csv"
    pattern = (
        r"XR_(?P<body_part>[A-Z]+)/(?P<patient>patient\d+)/"
        r"study\d+_(?P<label>negative|positive)/[^/]+"
    )
    example = "MURA-v1.1/train/XR_SHOULDER/patient00001/study1_positive/image1.png"
    layout = (
        "  train_image_paths.csv   (and valid_image_paths.csv for with_valid: true)\n"
        "  train/XR_ELBOW/patient00011/study1_negative/image1.png …\n"
        "  train/XR_SHOULDER/patient00001/study1_positive/image1.png …\n"
        "or hold a folder MURA-v1.1 that does, as the archive unpacks"
    )

    def index(self) -> pd.DataFrame:
        rows = self.rows(["path"], header=False)
        rows["body_part"] = rows["body_part"].str.lower()
        return self.check(rows.drop(columns="path"))
