"""The data layer: every file of the book by name, verified, from the cache, a mirror or its pinned address.

>>> from data_fetch import fetch
>>> paths = fetch("aop-lightcurves")  # doctest: +SKIP

``python -m data_fetch`` does the same from a terminal; :mod:`data_fetch.readers` opens what was fetched.
"""

from data_fetch.download import DataUnavailable, data_dir, fetch, fetch_all
from data_fetch.registry import registry

__all__ = ["DataUnavailable", "data_dir", "fetch", "fetch_all", "registry"]
