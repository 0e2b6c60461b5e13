"""``python -m data_fetch``: list, get, all, verify, bundle, unpack."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from data_fetch.bundle import BadBundle, read_bundle, write_bundle
from data_fetch.download import DataUnavailable, data_dir, fetch, sha256
from data_fetch.registry import dataset_names, human_size, local_path, registry


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status (0: done, 1: some file is missing or wrong, 2: wrong usage)."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except (DataUnavailable, BadBundle, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m data_fetch", description="Bring and check the files of the book.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("list", help="the data sets, their sizes, and what is already here").set_defaults(run=_list)
    get = commands.add_parser("get", help="bring data sets by name")
    get.add_argument("names", nargs="+", metavar="NAME")
    get.set_defaults(run=lambda arguments: _get(arguments.names))
    chapter_help = "a chapter's file name without its ending, 06_lightcurves"
    everything = commands.add_parser("all", help="bring every data set, or those of one chapter")
    everything.add_argument("--chapter", help=chapter_help)
    everything.set_defaults(run=lambda arguments: _get(dataset_names(arguments.chapter)))
    commands.add_parser("verify", help="check what is here against the registry").set_defaults(run=_verify)
    bundle = commands.add_parser("bundle", help="write one archive for a room without network")
    bundle.add_argument("--chapter", action="append", help=f"{chapter_help}; may be given several times; default: all")
    bundle.add_argument("--output", type=Path, default=Path("meteortut-data.tar"), metavar="FILE")
    bundle.set_defaults(run=_bundle)
    unpack = commands.add_parser("unpack", help="check and unpack such an archive")
    unpack.add_argument("file", type=Path, metavar="FILE")
    unpack.add_argument("--into", type=Path, metavar="DIR", help="a folder; default: the cache")
    unpack.set_defaults(run=_unpack)
    return parser


def _list(_arguments: argparse.Namespace) -> int:
    table = registry()
    for name, rows in table.groupby("dataset", sort=False):
        here = sum(local_path(data_dir(), path).is_file() for path in rows.path)
        licences = " / ".join(rows.licence.unique())
        print(f"{name:17} {len(rows):4} files {human_size(rows.bytes.sum()):>9}  {here:4} here  {licences}")
    print(f"{'':17} {len(table):4} files {human_size(table.bytes.sum()):>9}  cache: {data_dir()}")
    return 0


def _get(names: list[str]) -> int:
    known = dataset_names()
    unknown = [name for name in names if name not in known]
    if unknown:  # before any download
        raise ValueError(f"no data set is called {', '.join(unknown)}; there are {', '.join(known)}.")
    table = registry()
    wanted = table[table.dataset.isin(names)]
    missing = wanted[[not local_path(data_dir(), path).is_file() for path in wanted.path]]
    print(f"{len(wanted)} files, of which {len(missing)} ({human_size(missing.bytes.sum())}) are to be downloaded")
    for name in names:
        print(f"{name}: {len(fetch(name))} files, verified")
    return 0


def _verify(_arguments: argparse.Namespace) -> int:
    table = registry()
    places = [(row, local_path(data_dir(), str(row.path))) for row in table.itertuples()]
    here = [(row, place) for row, place in places if place.is_file()]
    wrong = [(row, place) for row, place in here if sha256(place) != row.sha256]
    for row, place in wrong:
        print(f"wrong: {place} (`python -m data_fetch get {row.dataset}` replaces it)")
    counts = f"{len(here) - len(wrong)} of {len(table)} files are here and right, {len(wrong)} wrong"
    print(f"{counts}, {len(table) - len(here)} not here.")
    return 1 if wrong else 0


def _bundle(arguments: argparse.Namespace) -> int:
    path = write_bundle(arguments.output, arguments.chapter)
    print(f"{path}: {human_size(path.stat().st_size)}")
    return 0


def _unpack(arguments: argparse.Namespace) -> int:
    folder = arguments.into or data_dir()
    print(f"{len(read_bundle(arguments.file, folder))} files in {folder}, verified")
    if arguments.into:
        print(f"To use them as a mirror, set METEORTUT_DATA_MIRROR to {folder.absolute()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
