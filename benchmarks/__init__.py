"""Side-by-side measurements. ``python -m benchmarks`` runs them all; ``python -m benchmarks.first_paint`` runs one.

Each prints what it measured, the baseline it ran beside it in the same process tree, and the ratio of the two.
"""
