"""List the datasets in config.yaml: which are there, can be downloaded, or are missing."""

import argparse
from pathlib import Path

from idsharp.common.script import run
from idsharp.study.availability import datasets_of, look_over_all, status
from idsharp.study.check import check_config
from idsharp.study.config import study_settings
from idsharp.study.files import read_config

_DEFAULT = Path(__file__).parent.parent / "config.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="*", help="only these, with what to do about each")
    parser.add_argument("--configfile", type=Path, help="settings of your own, as for snakemake")
    parser.add_argument("--study", help="only the datasets of this study")
    args = parser.parse_args()

    config = read_config(_DEFAULT, [args.configfile] if args.configfile else [])
    config = check_config(config | {"study": args.study or config["study"]})
    study = study_settings(config)
    every = datasets_of(config, study) if args.study else list(config["datasets"])
    found = look_over_all(config, study, args.datasets or every)
    print(status(found, explain=bool(args.datasets)))


if __name__ == "__main__":
    run(main, timed=False)
