"""List the datasets of config.yaml: which are there, which can be downloaded, what is missing."""

import argparse
from pathlib import Path

from idsharp.common.script import run
from idsharp.study.availability import instructions, look_over, status_table
from idsharp.study.check import check_config
from idsharp.study.config import adapter_settings, study_settings
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
    names = args.datasets or list(config["datasets"])
    unknown = [name for name in names if name not in config["datasets"]]
    if unknown:
        raise OSError(f"no dataset {unknown[0]}; there are: {', '.join(config['datasets'])}")
    if args.study:
        tasks = (*study["tasks"], *study["measured"])
        used = {config["tasks"][task]["dataset"] for task in tasks}
        names = [name for name in names if name in used]
    found = [
        look_over(name, adapter_settings(config, study, name), config["data_dir"]) for name in names
    ]
    print(status_table(found))
    if args.datasets:
        for one in found:
            if one.state == "missing":
                print(f"\n{instructions(one)}")
    elif any(one.state == "missing" for one in found):
        print("\nWhat to do about one that is missing: python scripts/data_status.py NAME")


if __name__ == "__main__":
    run(main, timed=False)
