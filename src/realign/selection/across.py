"""Which prompts get the labels, when the budget does not reach for all of them."""

from collections.abc import Callable

import numpy as np

from realign.selection.candidates import Candidates


def top(pool: Candidates, best: np.ndarray, count: int) -> np.ndarray:
    """The prompts whose best pair comes first. best is that pair's number, inf if not offered. (N,) -> (count,)."""
    return np.lexsort((np.arange(len(best)), best))[:count]


def stratified(pool: Candidates, best: np.ndarray, count: int) -> np.ndarray:
    """Of each cluster of prompts its share, within a cluster those that come first. (N,) -> (count,).

    Clusters are k-means on prompt_means, k = sqrt(N / 2) (Mardia, Kent and Bibby 1979, p. 365); shares
    are proportional to size, by largest remainder.
    """
    from sklearn.cluster import KMeans

    offered = np.flatnonzero(np.isfinite(best))
    clusters = max(1, int(np.sqrt(len(offered) / 2)))
    cluster = KMeans(clusters, n_init=4, random_state=0).fit_predict(prompt_means(pool)[offered])
    sizes = np.bincount(cluster, minlength=clusters)
    quota = shares(sizes / sizes.sum(), min(count, len(offered)))
    picked = []
    for number in range(clusters):
        members = offered[cluster == number]
        picked.append(members[np.lexsort((members, best[members]))][: quota[number]])
    chosen = np.concatenate(picked)
    return np.asarray(chosen[np.lexsort((chosen, best[chosen]))])


def k_center(pool: Candidates, best: np.ndarray, count: int) -> np.ndarray:
    """Farthest first: each next prompt is the one farthest from all before. (N,) -> (count,).

    Gonzalez (1985), at most twice the radius of the best cover; Sener and Savarese (2018) for core
    sets. It begins with the prompt whose best pair comes first, on prompt_means.
    """
    means = prompt_means(pool)
    order = top(pool, best, len(best))
    offered = order[np.isfinite(best[order])]
    picked = list(offered[:1])
    nearest = np.full(len(best), -1.0)
    nearest[offered] = np.inf
    while len(picked) < min(count, len(offered)):
        distance = np.round(((means - means[picked[-1]]) ** 2).sum(1), 9)
        nearest = np.minimum(nearest, distance)
        nearest[picked[-1]] = -1.0
        farthest = np.flatnonzero(nearest == nearest.max())
        picked.append(farthest[np.lexsort((farthest, best[farthest]))][0])
    return np.array(picked, dtype=int)


ACROSS: dict[str, Callable[[Candidates, np.ndarray, int], np.ndarray]] = {
    "top": top,
    "stratified": stratified,
    "k_center": k_center,
}


def prompt_means(pool: Candidates) -> np.ndarray:
    """Mean of the normalised vectors of each prompt's responses. Shape (N, d)."""
    sums = np.zeros((len(pool.prompt_ids), pool.vectors.shape[1]))
    np.add.at(sums, pool.owner, pool.vectors)
    return np.asarray(sums / np.bincount(pool.owner)[:, None])


def shares(parts: np.ndarray, count: int) -> np.ndarray:
    """`count` things dealt out in these parts (summing to 1), by largest remainder; ties to the first."""
    exact = np.asarray(parts, dtype=float) * count
    whole = np.floor(exact + 1e-9).astype(int)
    rest = np.lexsort((np.arange(len(whole)), -np.round(exact - whole, 9)))
    whole[rest[: count - whole.sum()]] += 1
    return np.asarray(whole)
