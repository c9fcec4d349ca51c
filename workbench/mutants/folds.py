"""Code of folds that several patterns plant, as text."""

from __future__ import annotations


def dealt(parts: int, generator: str, by: str = "") -> str:
    """Folds that deal rows, or the values of the column `by` with all their rows, out to `parts` at random.

    `generator` is the expression of a numpy generator (`"np.random.default_rng(3)"`).
    """
    codes = f'codes = pd.factorize(frame["{by}"], sort=True)[0]\n' if by else ""
    part = (
        f"({generator}.permutation(codes.max() + 1) % {parts})[codes]" if by else f"{generator}.permutation(len(frame)) % {parts}"
    )
    return f"""{codes}part = {part}
for number in range({parts}):
    yield np.flatnonzero(part != number), np.flatnonzero(part == number)
"""
