"""Write pipeline/score/testdata/scipy.csv: what scipy and statsmodels say of random tables.

    python3 testdata/scipy_tables.py >pipeline/score/testdata/scipy.csv     # with scipy and statsmodels
"""
import random

import scipy
import scipy.stats as st
import statsmodels
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

random.seed(20)
print(f"# scipy {scipy.__version__}, statsmodels {statsmodels.__version__}: right and all flagged items, right and all clean ones;")
print("# Fisher's p, mid-p, Newcombe's interval of the difference, Wilson's of the clean score, Holm's and Benjamini-Hochberg's p of all.")
tables = [(6, 6, 2, 6), (0, 5, 5, 5), (25, 39, 51, 61), (146, 200, 661, 880), (1, 1, 0, 1), (9, 10, 61, 90)]
while len(tables) < 60:
    d, c = random.choice([(5, 9), (12, 100), (40, 60), (80, 920), (300, 700)])
    p = random.random()
    k, q = sum(random.random() < p for _ in range(d)), min(1, max(0, p + random.uniform(-.3, .3)))
    tables.append((k, d, sum(random.random() < q for _ in range(c)), c))
rows, fishers = [], []
for k, d, j, c in tables:
    fisher = st.fisher_exact([[k, d - k], [j, c - j]])[1]
    own = st.hypergeom.pmf(k, d + c, k + j, d)
    mid = fisher - own / 2 if 0 < k + j < d + c else 1.0  # with a point null, half of what was seen counts
    low, high = confint_proportions_2indep(k, d, j, c, compare="diff", method="newcomb")
    wilson = proportion_confint(j, c, method="wilson")
    rows.append((k, d, j, c, fisher, mid, low, high, *wilson))
    fishers.append(fisher)
holm, bh = multipletests(fishers, method="holm")[1], multipletests(fishers, method="fdr_bh")[1]
print("right_flagged,flagged,right_clean,clean,fisher,mid_p,low,high,wilson_low,wilson_high,holm,bh")
for row, h, b in zip(rows, holm, bh):
    print(",".join(f"{x:.10g}" for x in (*row, h, b)))
