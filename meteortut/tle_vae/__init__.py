"""Chapter 4: a variational autoencoder for three-band photometry of lightning and what flashes above it."""

from meteortut.tle_vae.artefacts import boundary_ratio, boundary_ratios, uv_peak_errors
from meteortut.tle_vae.baselines import measured_features, principal_components, standardised
from meteortut.tle_vae.beta_network import BetaPhotometryVAE
from meteortut.tle_vae.course import likeness, lit_share
from meteortut.tle_vae.elbo import active_units, gaussian_kl, warm_up
from meteortut.tle_vae.embedding import embed, reconstruct
from meteortut.tle_vae.faithful import FaithfulVAE
from meteortut.tle_vae.likelihoods import beta_bits, beta_log_density, discretised_logistic
from meteortut.tle_vae.networks import COURSE, HEIGHTS, Codes, PhotometryVAE
from meteortut.tle_vae.novelty import latent_places, rank_novelty, reconstruction_bits
from meteortut.tle_vae.other_light import (
    RadioScores,
    flash_photometry,
    radio_benchmark,
    radio_network,
    radio_places,
)
from meteortut.tle_vae.photometry import (
    BANDS,
    QUANTA,
    check_photometry,
    counts,
    cut_slices,
    quality_flags,
    steps_of,
    zero_pad,
)
from meteortut.tle_vae.scores import (
    bits_per_sample,
    cluster_scores,
    few_label_accuracy,
    interval,
    k_means,
    purity_per_class,
)
from meteortut.tle_vae.training import FAITHFUL, OURS, Recipe, train
from meteortut.tle_vae.weights import load_network, shipped_network

__all__ = [
    "BANDS",
    "COURSE",
    "FAITHFUL",
    "HEIGHTS",
    "OURS",
    "QUANTA",
    "BetaPhotometryVAE",
    "Codes",
    "FaithfulVAE",
    "PhotometryVAE",
    "RadioScores",
    "Recipe",
    "active_units",
    "beta_bits",
    "beta_log_density",
    "bits_per_sample",
    "boundary_ratio",
    "boundary_ratios",
    "check_photometry",
    "cluster_scores",
    "counts",
    "cut_slices",
    "discretised_logistic",
    "embed",
    "few_label_accuracy",
    "flash_photometry",
    "gaussian_kl",
    "interval",
    "k_means",
    "latent_places",
    "likeness",
    "lit_share",
    "load_network",
    "measured_features",
    "principal_components",
    "purity_per_class",
    "quality_flags",
    "radio_benchmark",
    "radio_network",
    "radio_places",
    "rank_novelty",
    "reconstruct",
    "reconstruction_bits",
    "shipped_network",
    "standardised",
    "steps_of",
    "train",
    "uv_peak_errors",
    "warm_up",
    "zero_pad",
]
