"""Length-controlled win rate: what the win rate would be if answers were as long as the base's."""

import warnings

import numpy as np
from scipy import special

from realign.experiments.compare.runs import Runs

_CERTAIN = 15.0  # a log-odds that no finite sample supports: the fit ran away, wins are separated by length


def length_controlled(win: np.ndarray, longer_by: np.ndarray) -> Runs:
    """A logistic model of the win with the length difference as covariate, read at a difference of 0.

        logit P(win) = a + b tanh(d / sd(d)),    length-controlled win rate = sigmoid(a)

    Dubois et al. 2024, Length-Controlled AlpacaEval (2404.04475), without its term for the difficulty of an
    instruction, which takes many models' answers to know, and unregularised. Wins between 0 and 1 (means over samples,
    ties) are fitted by the quasi-likelihood of Papke and Wooldridge 1996. A prompt's influence is the one-step
    change of `a` without it, times sigmoid'(a). NaN where length differences do not vary, unless all are 0, and
    where wins are separated by length. Both of shape (K, B, S, n).
    """
    shape = win.shape
    value, influence = np.full(shape[:-1], np.nan), np.zeros(shape)
    for run in np.ndindex(*shape[:-1]):
        fit = _fit(win[run], longer_by[run])
        if fit:
            value[run], influence[run] = fit
    return Runs(value, influence, np.full(shape[:2], shape[-1]))


def _fit(win: np.ndarray, longer_by: np.ndarray) -> tuple[float, np.ndarray] | None:
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    if not longer_by.any() or np.ptp(win) == 0:
        return float(win.mean()), win - win.mean()
    if np.ptp(longer_by) == 0:
        return None
    design = np.column_stack([np.ones(len(win)), np.tanh(longer_by / longer_by.std(ddof=1))])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        model = GLM(win, design, family=Binomial()).fit()
        if not np.abs(model.params).sum() < _CERTAIN:
            return None
        moved = model.get_influence(observed=False).d_params[:, 0] * (len(win) - 1)
    rate = float(special.expit(model.params[0]))
    return rate, rate * (1 - rate) * (moved - moved.mean())
