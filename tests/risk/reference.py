# SPDX-License-Identifier: MIT
"""Prints the reference numbers that the tests in this folder name.

Needs numpy, scipy, empyrical-reloaded and scikit-learn; made with 2.4.6, 1.17.1, 0.7.1 and 1.9.1. Not part of the build.
"""
import csv
import sys

import empyrical as ep
import numpy as np
from scipy import stats
from scipy.optimize import minimize_scalar
from sklearn.covariance import LedoitWolf


def series(n, step=7919, shift=13):
    """The series of the tests, the same in C++: ((t * step + shift) mod 2003 - 1001) / 50000, without drift."""
    return np.array([((t * step + shift) % 2003 - 1001) / 50000 for t in range(n)])


def show(name, *values):
    print(name, *(f"{v:.12g}" for v in values))


r = series(500)
r[100:110] -= 0.01
show("sharpe", r.mean() / r.std(ddof=1) * np.sqrt(252))
show("empyrical sharpe", ep.sharpe_ratio(r))
show("empyrical sortino", ep.sortino_ratio(r))
show("empyrical downside", ep.downside_risk(r))
show("empyrical annual_return", ep.annual_return(r))
show("empyrical annual_volatility", ep.annual_volatility(r))
show("empyrical max_drawdown", ep.max_drawdown(r))
show("empyrical calmar", ep.calmar_ratio(r))
show("empyrical omega", ep.omega_ratio(r))
show("empyrical stability", ep.stability_of_timeseries(r))
show("empyrical var", ep.value_at_risk(r, 0.05))
show("empyrical cvar", ep.conditional_value_at_risk(r, 0.05))
show("skew, kurtosis population", stats.skew(r), stats.kurtosis(r))
show("skew, kurtosis sample", stats.skew(r, bias=False), stats.kurtosis(r, bias=False))
show("additive max drawdown", np.max(np.maximum.accumulate(np.r_[0, r.cumsum()]) - np.r_[0, r.cumsum()]))
gaps = r.copy()
gaps[::50] = np.nan
show("gaps: empyrical annual_return", ep.annual_return(gaps))
show("gaps: empyrical sharpe", ep.sharpe_ratio(gaps))
kept = gaps[~np.isnan(gaps)]
show("gaps: by observations", np.prod(1 + kept) ** (252 / len(kept)) - 1)
rf, target = 0.0002, 0.001
show("rf, target: sharpe, sortino", ep.sharpe_ratio(r, rf), ep.sortino_ratio(r, target))

x = series(400, 104729, 7)
losses = -x
for alpha in (0.3, 0.05, 0.01):
    objective = lambda s: np.exp(s) * (np.log(np.mean(np.exp((losses - losses.max()) / np.exp(s)))) - np.log(alpha))
    best = minimize_scalar(objective, bounds=(-12, 3), method="bounded", options={"xatol": 1e-13})
    show(f"evar {alpha}", losses.max() + best.fun)
theta = 0.01
show("entropic", theta * np.log(np.mean(np.exp(losses / theta)) / 0.05))
show("semi deviation", np.sqrt(np.mean(np.minimum(x - x.mean(), 0) ** 2)))
show("gini", np.mean([abs(a - b) for i, a in enumerate(x) for b in x[:i]]))
for alpha in (0.01, 0.05, 0.5):
    show(f"normal cvar {alpha}", 0.02 * stats.norm.pdf(stats.norm.ppf(alpha)) / alpha - 0.001)

hits = np.array([1 if (t * t) % 17 == 4 or t % 40 < 2 else 0 for t in range(250)])

n, k, a = len(hits), hits.sum(), 0.05
c = np.zeros((2, 2))
for before, now in zip(hits[:-1], hits[1:]):
    c[before, now] += 1
term = lambda p, misses, ones: (misses * np.log(1 - p) if misses else 0) + (ones * np.log(p) if ones else 0)
uc = 2 * (term(k / n, n - k, k) - term(a, n - k, k))
p01, p11, p = c[0, 1] / c[0].sum(), c[1, 1] / c[1].sum(), c[:, 1].sum() / c.sum()
ind = 2 * (term(p01, c[0, 0], c[0, 1]) + term(p11, c[1, 0], c[1, 1]) - term(p, c[:, 0].sum(), c[:, 1].sum()))
show("christoffersen hits, uc, ind, cc", k, uc, ind, uc + ind)
show("christoffersen p", stats.chi2.sf(uc, 1), stats.chi2.sf(ind, 1), stats.chi2.sf(uc + ind, 2))
show("kupiec 250 20 0.05 p", stats.chi2.sf(4.03952, 1))

data = series(240, 15485863, 11).reshape(60, 4)
data[:, 1] += 0.8 * data[:, 0]
lw = LedoitWolf().fit(data)
show("ledoit wolf shrinkage", lw.shrinkage_)
show("ledoit wolf row 0", *lw.covariance_[0])
show("sample covariance row 0", *np.cov(data.T)[0])
wide = series(60, 15485863, 11).reshape(6, 10)
lw = LedoitWolf().fit(wide)
show("wide shrinkage, (0,1)", lw.shrinkage_, lw.covariance_[0, 1])

tau, q = np.array([0.1, 0.5, 0.9]), np.array([-0.020, 0.001, 0.018])


def forecast(p):
    z = stats.norm.ppf(p)
    zt = stats.norm.ppf(tau)
    i = 1 if z <= zt[1] else 2
    return q[i - 1] + (z - zt[i - 1]) / (zt[i] - zt[i - 1]) * (q[i] - q[i - 1])


show("forecast var", -forecast(0.05))
show("forecast cvar (exact: normal piece)", -np.mean([forecast(0.05 * (i + 0.5) / 4096) for i in range(4096)]))

boot = series(40, 7919, 3)
mean = boot.mean()
jack = np.array([np.delete(boot, range(g, min(g + 4, 40))).std() for g in range(0, 40, 4)])
d = jack.mean() - jack
show("acceleration, blocks of 4, standard deviation", (d**3).sum() / (6 * (d**2).sum() ** 1.5))

# Daily closes, if the folder of the real data is given: python3 reference.py FOLDER
for path, ppy in [("stocks_daily/AAPL.csv", 252), ("crypto_daily/BTCUSDT.csv", 365)] if len(sys.argv) > 1 else []:
    with open(f"{sys.argv[1]}/ohlcv/{path}") as file:
        closes = np.array([float(row["close"]) for row in csv.DictReader(file)])
    r = closes[1:] / closes[:-1] - 1
    show(path, len(r), ep.annual_return(r, annualization=ppy), ep.sharpe_ratio(r, annualization=ppy),
         ep.sortino_ratio(r, annualization=ppy), ep.calmar_ratio(r, annualization=ppy), ep.max_drawdown(r),
         ep.omega_ratio(r), ep.stability_of_timeseries(r), ep.value_at_risk(r), ep.conditional_value_at_risk(r),
         stats.skew(r), stats.kurtosis(r))
