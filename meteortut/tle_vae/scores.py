"""Scores that say what a picture of the latent space cannot: clusters, purity, a few labels, bits."""

from __future__ import annotations

import numpy as np
import pandas as pd

#: Seed of K-means where a score needs one; its ten starts leave little to chance.
_STARTS = 10


def cluster_scores(
    embedding: np.ndarray, labels: np.ndarray, rng: int | np.random.Generator, method: str = "kmeans"
) -> dict[str, float]:
    """Cluster an embedding without labels, then compare with labels.

    Parameters
    ----------
    embedding : ndarray of shape (n, n_latent)
    labels : ndarray of str of shape (n,)
        Classes; as many clusters as there are different ones.
    rng : int or Generator
        Seed or generator.
    method : "kmeans" or "hdbscan"
        HDBSCAN finds the number of clusters itself; what it leaves as noise is one more cluster here.

    Returns
    -------
    dict
        ``ari`` (adjusted Rand index; Hubert and Arabie 1985), ``v_measure`` (Rosenberg and Hirschberg 2007), ``n_clusters``.

    Raises
    ------
    ValueError
        If the method is unknown or lengths differ.
    """
    from sklearn.cluster import HDBSCAN
    from sklearn.metrics import adjusted_rand_score, v_measure_score

    if method not in ("kmeans", "hdbscan") or len(embedding) != len(labels):
        raise ValueError(
            f"method is {method!r}, {len(embedding)} points and {len(labels)} labels; expected kmeans or hdbscan, and as many."
        )
    if method == "kmeans":
        found = k_means(embedding, len(np.unique(labels)), rng)[1]
    else:
        found = HDBSCAN(min_cluster_size=max(5, len(labels) // 100), copy=True).fit_predict(embedding)
    return {
        "ari": float(adjusted_rand_score(labels, found)),
        "v_measure": float(v_measure_score(labels, found)),
        "n_clusters": len(set(found) - {-1}),
    }


def k_means(embedding: np.ndarray, k: int, rng: int | np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Give centres (k, n_latent) and cluster numbers (n,) of scikit-learn's K-means with ten starts."""
    from sklearn.cluster import KMeans

    seed = int(np.random.default_rng(rng).integers(2**31))
    model = KMeans(k, n_init=_STARTS, random_state=seed).fit(embedding)
    return model.cluster_centers_, model.labels_


def purity_per_class(
    embedding: np.ndarray,
    labels: np.ndarray,
    rng: int | np.random.Generator,
    k: int | None = None,
    naming: np.ndarray | None = None,
) -> pd.Series:
    """Cluster, name every cluster, and see how pure what bears a name is.

    Parameters
    ----------
    embedding : ndarray of shape (n, n_latent)
    labels : ndarray of str of shape (n,)
    rng : int or Generator
        Seed or generator of K-means.
    k : int, optional
        Number of clusters; by default that of the classes, as in the follow-up.
    naming : ndarray of bool of shape (n,), optional
        Slices whose labels may be used to name clusters, by majority; purity is then counted on the others alone. By default all
        labels name and all count, as in the follow-up: with many clusters this flatters.

    Returns
    -------
    Series of float, indexed by class, in sorted order
        Share of the slices in clusters of this name that are of this class; NaN if no cluster bears it. A cluster without any
        slice for naming bears none, and its slices count nowhere.

    Raises
    ------
    ValueError
        If lengths differ or ``k`` exceeds the number of points.
    """
    classes = np.unique(labels)
    k = len(classes) if k is None else k
    if len(embedding) != len(labels) or not 1 <= k <= len(embedding):
        raise ValueError(
            f"{len(embedding)} points, {len(labels)} labels, {k} clusters; expected as many labels, and 1 ≤ k ≤ n."
        )
    found = k_means(embedding, k, rng)[1]
    namer = np.ones(len(labels), bool) if naming is None else naming
    names = np.full(k, "", dtype=object)
    for cluster in range(k):
        own = labels[(found == cluster) & namer]
        if len(own):
            values, number = np.unique(own, return_counts=True)
            names[cluster] = values[number.argmax()]
    judged = np.ones(len(labels), bool) if naming is None else ~naming
    called = names[found]
    return pd.Series(
        {
            name: float((labels[judged & (called == name)] == name).mean())
            if (judged & (called == name)).any()
            else np.nan
            for name in classes
        },
        name="purity",
    )


def few_label_accuracy(
    embedding: np.ndarray, labels: np.ndarray, rng: int | np.random.Generator, per_class: int = 5, n_draws: int = 50
) -> np.ndarray:
    """Label a few slices of every class, name all others by logistic regression in the latent space.

    Parameters
    ----------
    embedding : ndarray of shape (n, n_latent)
        Brought to mean 0 and deviation 1 first, which needs no labels.
    labels : ndarray of str of shape (n,)
    rng : int or Generator
        Seed or generator: which slices get labels.
    per_class, n_draws : int
        Labels per class, repetitions.

    Returns
    -------
    ndarray of shape (n_draws,)
        Share of the unlabelled slices named right.

    Raises
    ------
    ValueError
        If a class has no more than ``per_class`` slices.
    """
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(rng)
    classes, number = np.unique(labels, return_counts=True)
    if number.min() <= per_class:
        raise ValueError(
            f"class {classes[number.argmin()]!r} has {number.min()} slices; expected more than {per_class}."
        )
    z = (embedding - embedding.mean(axis=0)) / np.maximum(embedding.std(axis=0), 1e-9)
    accuracies = np.empty(n_draws)
    for draw in range(n_draws):
        known = np.concatenate(
            [rng.choice(np.flatnonzero(labels == name), per_class, replace=False) for name in classes]
        )
        rest = np.ones(len(labels), bool)
        rest[known] = False
        model = LogisticRegression(C=1.0, max_iter=1000).fit(z[known], labels[known])
        accuracies[draw] = model.score(z[rest], labels[rest])
    return accuracies


def interval(values: np.ndarray | list[float]) -> tuple[float, float, float]:
    """Mean of a score over a few seeds, and its 95 % interval by Student's t: (mean, low, high); NaN bounds for one value."""
    from scipy.stats import t

    values = np.asarray(values, float)
    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return float(values.mean()), float(values.mean() - half), float(values.mean() + half)


def bits_per_sample(network: object, photometry: np.ndarray, batch_size: int = 25) -> np.ndarray:
    """Bits that a network spends on a reading in the instrument's steps: likelihood and KL together, an upper bound on −log2 p(x).

    Parameters
    ----------
    network : FaithfulVAE or PhotometryVAE
        The draw of z comes from PyTorch's generator, which is left as it was (seed 0).
    photometry : ndarray of shape (n, 3, 5000), µW/m²
    batch_size : int
        Slices at a time.

    Returns
    -------
    ndarray of shape (n,), bits per sample and band
    """
    import torch

    found = []
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for first in range(0, len(photometry), batch_size):
            x = torch.from_numpy(np.ascontiguousarray(photometry[first : first + batch_size], np.float32))
            kl = network.bound_terms(x)[1].sum(1).numpy() / np.log(2)  # type: ignore[attr-defined]
            bits = network.bits(x)  # type: ignore[attr-defined]
            found.append((bits.sum((1, 2)) + kl) / bits[0].size)
    return np.concatenate(found)
