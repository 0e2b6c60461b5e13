"""What stands still is no meteor: find masts and roofs of a fixed camera, and paint them (or captions) out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from meteortut.gradcam.significance import significance
from meteortut.gradcam.tiles import check_image

#: Fewest images from which something may be said to stand still.
_FEWEST = 8
#: Pixels by which a mask grows: the ringing of the compression beside an edge.
_GROW = 5
#: The outermost pixels, where the sky around is known on one side only, and so nothing is masked.
_EDGE = 16


def static_mask(images: Sequence[np.ndarray], share: float = 0.2) -> np.ndarray:
    """Find what stands still in the images of one fixed camera, without any label, as its operator would draw the mask.

    Parameters
    ----------
    images : sequence of ndarray of shape (height, width), any unit
        At least 8 maximum images of one camera, best of different hours: stars move on.
    share : float
        In how many of them a pixel must stand out, 0 to 1. Chosen below the share of twilight in ``ukmon-triggers``:
        masts are hard to see at night.

    Returns
    -------
    ndarray of bool of shape (height, width)
        True where a pixel is 3 σ brighter or darker than its surroundings in more than `share` of the images, in
        patches of at least 12 pixels, grown by 5 pixels.

    Raises
    ------
    TypeError, ValueError
        As :func:`~meteortut.gradcam.tiles.check_image`; if there are fewer than 8 images, or of different shapes.
    """
    checked = [check_image(image, f"images[{k}]") for k, image in enumerate(images)]
    if len(checked) < _FEWEST or len({image.shape for image in checked}) > 1:
        shapes = sorted({image.shape for image in checked})
        raise ValueError(
            f"got {len(checked)} images of shapes {shapes}; expected at least {_FEWEST} of one camera and shape."
        )
    often = np.mean([np.abs(significance(image)) > 3 for image in checked], axis=0) > share
    often[:_EDGE] = often[-_EDGE:] = often[:, :_EDGE] = often[:, -_EDGE:] = False
    patches, n_patches = ndimage.label(often, np.ones((3, 3)))
    size = np.bincount(patches.ravel(), minlength=n_patches + 1)
    large = (size >= 12)[patches] & often
    return ndimage.binary_dilation(large, iterations=_GROW)


def paint_out(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Replace masked pixels by what is around them, with the noise of the sky, so that the network sees nothing there.

    Parameters
    ----------
    image : ndarray of shape (height, width), any unit
        Maximum image.
    mask : ndarray of bool of shape (height, width)
        True where the image must not be used: :func:`static_mask`, or ``data_fetch.readers.trigger_overlay_mask``.

    Returns
    -------
    ndarray of float32 of shape (height, width), unit of the image
        Masked pixels have the smooth course of the others (weights of a Gaussian of 12 pixels) and the deviation from
        it of the pixel that lies as far on the other side of the mask's edge; the others are unchanged.

    Raises
    ------
    TypeError, ValueError
        As :func:`~meteortut.gradcam.tiles.check_image`; if the mask has another shape or dtype, or covers everything.
    """
    check_image(image)
    image, mask = np.asarray(image, dtype=np.float32), np.asarray(mask)
    if mask.shape != image.shape or mask.dtype != bool:
        raise ValueError(
            f"mask is {mask.dtype} of shape {mask.shape}; expected bool of the image's shape {image.shape}."
        )
    if mask.all():
        raise ValueError("mask covers the whole image; expected some sky.")
    if not mask.any():
        return image
    nearest = ndimage.distance_transform_edt(mask, return_distances=False, return_indices=True)
    filled = image[tuple(nearest)]
    seen = (~mask).astype(np.float32)
    weight = ndimage.gaussian_filter(seen, 12)
    smooth = np.where(weight > 1e-3, ndimage.gaussian_filter(image * seen, 12) / np.maximum(weight, 1e-3), filled)
    y, x = np.indices(image.shape)
    mirror = [
        np.clip(2 * near - own, 0, side - 1) for near, own, side in zip(nearest, (y, x), image.shape, strict=True)
    ]
    deviation = np.where(mask[tuple(mirror)], 0, image[tuple(mirror)] - smooth[tuple(mirror)])
    return np.where(mask, smooth + deviation, image)
