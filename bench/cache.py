"""Where inputs of the races are kept from one time to the next."""
import os
import pathlib


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(os.environ.get("TROMMEL_CACHE") or os.path.join(base, "trommel"))


def data_folder():
    return cache_folder() / "bench"
