"""Script run by `data_fetch.readers.apart`: named variables of an HDF5 file, as an .npz on standard output.

Arguments: path, most values per variable, then the names. The archive holds each variable, and as ``name@attribute``
those of its attributes that say how to scale it. Why a file is refused is the last line on standard error.
"""

import contextlib
import io
import math
import sys

#: Address space of this process; a damaged or hostile file may ask for any amount.
MAX_MEMORY = 1 << 29
ATTRIBUTES = ("_Unsigned", "_FillValue", "scale_factor", "add_offset", "units")


def limit_memory() -> None:
    """Bound this process, where the system can do so, and leave no core file behind."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))


def main(path: str, max_values: int, names: list[str]) -> bytes:
    """Content of the archive, or `ValueError` with the reason why the file is refused."""
    import h5py
    import numpy as np

    content = {}
    with h5py.File(path, "r") as file:
        missing = [name for name in names if not isinstance(file.get(name), h5py.Dataset)]
        if missing:
            raise ValueError(f"it has no variable {', '.join(missing)}")
        for name in names:
            variable = file[name]
            # A chunk is unpacked whole, however few of its values are within the variable.
            claimed = max(variable.size or 0, math.prod(variable.chunks or (0,)))
            if claimed > max_values:
                raise ValueError(f"its variable {name} claims {claimed} values, more than {max_values}")
            if variable.ndim != 1 or variable.dtype.kind not in "iuf":
                raise ValueError(f"its variable {name} is {variable.dtype} with {variable.ndim} axes")
            content[name] = variable[:]
            for key in ATTRIBUTES:
                value = variable.attrs.get(key)
                value = np.asarray(value.decode("utf-8") if isinstance(value, bytes) else value)
                if value.dtype.kind in "iufU" and value.size == 1:
                    content[f"{name}@{key}"] = value
    archive = io.BytesIO()
    np.savez(archive, **content)
    return archive.getvalue()


if __name__ == "__main__":
    limit_memory()
    try:
        sys.stdout.buffer.write(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
    except ValueError as error:
        sys.exit(str(error))
