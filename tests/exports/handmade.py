"""LightGBM models written by hand, for what no training comes to: a text that LightGBM itself loads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import lightgbm as lgb


class Tree(NamedTuple):
    """A chain: each split has its own feature, threshold and LightGBM decision type; left of the i-th is leaf i, and so on right."""

    features: Sequence[int]
    thresholds: Sequence[float]
    decisions: Sequence[int]  # 2: default left; 4: zero is missing; 8: NaN is missing
    leaves: Sequence[float]


def booster(trees: Sequence[Tree], n_features: int, objective: str = "regression", outputs: int = 1) -> lgb.Booster:
    """The model as LightGBM reads it; trees stand output by output within an iteration."""
    return lgb.Booster(model_str=text(trees, n_features, objective, outputs))


def text(trees: Sequence[Tree], n_features: int, objective: str = "regression", outputs: int = 1) -> str:
    """The model file."""
    names = " ".join(f"Column_{i}" for i in range(n_features))
    header = [
        "tree", "version=v4", f"num_class={outputs}", f"num_tree_per_iteration={outputs}", "label_index=0",
        f"max_feature_idx={n_features - 1}", f"objective={objective}", f"feature_names={names}",
        f"feature_infos={' '.join(['[-1:1]'] * n_features)}", "",
    ]  # fmt: skip
    return "\n".join([*header, *(line for i, tree in enumerate(trees) for line in _lines(i, tree)), "end of trees", ""])


def _lines(number: int, tree: Tree) -> list[str]:
    splits = len(tree.thresholds)
    right = [*range(1, splits), -splits - 1]
    arrays = {
        "split_feature": tree.features,
        "split_gain": [1] * splits,
        "threshold": [repr(float(t)) for t in tree.thresholds],
        "decision_type": tree.decisions,
        "left_child": [-i - 1 for i in range(splits)],
        "right_child": right[:splits],
        "leaf_value": [repr(float(v)) for v in tree.leaves],
        "leaf_weight": [1] * (splits + 1),
        "leaf_count": [1] * (splits + 1),
        "internal_value": [0] * splits,
        "internal_weight": [1] * splits,
        "internal_count": [1] * splits,
    }
    words = [f"{key}={' '.join(map(str, values))}" for key, values in arrays.items()]
    return [f"Tree={number}", f"num_leaves={splits + 1}", "num_cat=0", *words, "is_linear=0", "shrinkage=1", "", ""]
