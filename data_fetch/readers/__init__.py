"""Every raw format of the book, read from files that are already here: no network, plain arrays and tables.

Each reader raises :class:`UnreadableFile` for a file that it cannot use, before it allocates what a header claims.
"""

from data_fetch.readers.aop import read_aop
from data_fetch.readers.errors import UnreadableFile

__all__ = ["UnreadableFile", "read_aop"]
