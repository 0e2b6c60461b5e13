"""Every raw format of the book, read from files that are already here: no network, plain arrays and tables.

Each reader raises :class:`UnreadableFile` for a file that it cannot use, before it allocates what a header claims. Heavy
libraries are imported by the reader that needs them, when it is called.
"""

from data_fetch.readers.aop import read_aop
from data_fetch.readers.errors import UnreadableFile
from data_fetch.readers.fits_image import read_fits_image
from data_fetch.readers.ftpdetectinfo import read_ff_labels, read_ftpdetectinfo, read_slow_trails
from data_fetch.readers.glm import flash_light_curve, read_glm_flashes
from data_fetch.readers.gmn import FFFile, pseudo_cube, read_ff, read_mask
from data_fetch.readers.mmia import read_mmia_fits, read_mmia_labels
from data_fetch.readers.sprites import pair_sprites, read_sprite
from data_fetch.readers.ts import read_ts
from data_fetch.readers.ufo import (
    read_trigger_image,
    read_trigger_labels,
    read_ufo_xml,
    trigger_name,
    trigger_overlay_mask,
)
from data_fetch.readers.video import Video, iter_frames, open_video

__all__ = [
    "FFFile",
    "UnreadableFile",
    "Video",
    "flash_light_curve",
    "iter_frames",
    "open_video",
    "pair_sprites",
    "pseudo_cube",
    "read_aop",
    "read_ff",
    "read_ff_labels",
    "read_fits_image",
    "read_ftpdetectinfo",
    "read_glm_flashes",
    "read_mask",
    "read_mmia_fits",
    "read_mmia_labels",
    "read_slow_trails",
    "read_sprite",
    "read_trigger_image",
    "read_trigger_labels",
    "read_ts",
    "read_ufo_xml",
    "trigger_name",
    "trigger_overlay_mask",
]
