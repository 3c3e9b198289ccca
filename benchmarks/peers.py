"""One tool finds the neighbors of one array, in a process of its own (`neighbors.py` starts it).

    python peers.py TOOL images.npy labels.npy K distances.npy

Prints one line of JSON: seconds, processor seconds, how busy other processes kept the machine
meanwhile, peak memory, version. Peers get the values as float32, converted before the clock starts.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np


class Clock:
    """Seconds of the block it surrounds, as told by `taken`."""

    def __enter__(self):
        self.wall, self.own, self.all = time.perf_counter(), time.process_time(), busy_seconds()
        return self

    def __exit__(self, *error):
        seconds = time.perf_counter() - self.wall
        own, everyone = time.process_time() - self.own, busy_seconds() - self.all
        # Cores that other processes kept busy, on average; zero on a quiet machine.
        others = max(0.0, everyone - own) / seconds
        self.taken = {"seconds": seconds, "cpu_s": own, "others": others}


def busy_seconds() -> float:
    """Processor seconds of all processes since the machine started; NaN off Linux."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return float("nan")
    user, nice, system, _, _, irq, soft, *_ = map(int, stat.read_text().split(None, 11)[1:11])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def idsharp(images, labels, k):
    """Neighbors and nearest image of another class; then the estimates that follow from them."""
    import idsharp.properties.dimension as dimension
    from idsharp.properties.neighbors.search import nearest_neighbors
    from idsharp.properties.sharpness import sharpness_of_all_pairs

    start = time.perf_counter()
    with Clock() as clock:
        found = nearest_neighbors(images, k, labels)
    mle, twonn = dimension.mle(found.distances, 20), dimension.twonn(found.distances)
    sharpness = sharpness_of_all_pairs(found).value
    values = {"id_mle_k1": mle.value, "id_twonn_10pct": twonn.value, "label_sharpness": sharpness}
    more = {"total_s": time.perf_counter() - start, **values}
    return clock.taken | more, found.distances


def pynndescent(images, labels, k):
    """The approximate method; a first run on few points has its code compiled."""
    import pynndescent  # noqa: F401  (the reason for skipping, where it is missing)

    from idsharp.properties.neighbors.search import nearest_neighbors

    start = time.perf_counter()
    nearest_neighbors(images[:1000], k, method="approximate")
    compiling = time.perf_counter() - start
    with Clock() as clock:
        found = nearest_neighbors(images, k, method="approximate")
    return clock.taken | {"recall": found.recall, "compiling_s": compiling}, found.distances


def faiss(images, labels, k):
    import faiss

    points = _float32(images)
    with Clock() as clock:
        index = faiss.IndexFlatL2(points.shape[1])
        index.add(points)
        squared, _ = index.search(points, k + 1)
    return clock.taken, np.sqrt(np.maximum(squared[:, 1:], 0))


def sklearn(images, labels, k):
    from sklearn.neighbors import NearestNeighbors

    points = _float32(images)
    with Clock() as clock:
        search = NearestNeighbors(n_neighbors=k, algorithm="brute", n_jobs=-1).fit(points)
        distances, _ = search.kneighbors()
    return clock.taken, distances


def skdim(images, labels, k):
    from skdim._commonfuncs import get_nn

    points = _float32(images)
    with Clock() as clock:
        distances, _ = get_nn(points, k, n_jobs=-1)
    return clock.taken, distances


def dadapy(images, labels, k):
    from dadapy import Data

    points = _float32(images)
    with Clock() as clock:
        data = Data(coordinates=points, maxk=k, verbose=False)
        data.compute_distances()
    return clock.taken, data.distances[:, 1:]


#: Tools by name, with the package whose version is reported.
TOOLS = {
    "idsharp": (idsharp, "torch"),
    "pynndescent": (pynndescent, "pynndescent"),
    "faiss-cpu flat": (faiss, "faiss-cpu"),
    "scikit-learn brute": (sklearn, "scikit-learn"),
    "scikit-dimension": (skdim, "scikit-dimension"),
    "DADApy": (dadapy, "dadapy"),
}


def _float32(images):
    return np.ascontiguousarray(images.reshape(len(images), -1), dtype=np.float32)


def peak_memory() -> float:
    """Highest resident memory of this process in GB, its libraries and the images included."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux counts the parent's memory into ru_maxrss of a child; this is the process alone.
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def main(tool: str, images: str, labels: str, k: str, out: str) -> None:
    from importlib.metadata import version

    measure, package = TOOLS[tool]
    record, distances = measure(
        np.load(images, mmap_mode="r"), np.load(labels, mmap_mode="r"), int(k)
    )
    record |= {"peak_gb": peak_memory(), "version": version(package)}
    np.save(out, np.asarray(distances, dtype=np.float64))
    print(json.dumps(record))


if __name__ == "__main__":
    # The folder of this file holds modules named like the tools' packages.
    sys.path.pop(0)
    main(*sys.argv[1:])
