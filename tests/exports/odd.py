"""Names and labels that trip formats: what XML must escape, what its arrays split at, what it cannot hold at all."""

from __future__ import annotations

from dataclasses import replace

import lightgbm as lgb

from domain.schema import FeatureSchema
from exports.lightgbm_text import TextModel, read
from tests.exports.zoo import LABELS, SCHEMA

ODD_LABELS = [
    ("gro cery", "a b c", "<&>", "école", "single's", "y"),
    ('say "x"', "tail\\", '"', "'", '\\"', "\\"),
    (" lead", "trail ", "a  b", "tab\there", "new\nline", "cr\rx"),
    ("", "\u00a0", "nb\u00a0sp", "<&>]]>", "\u2028", "\U0001f600"),
    ("ctl\x01", "ctl\\u0001", "\x00", "\ufffe", "NaN", "null"),
]
ODD_NAMES = [
    ("a b", "a[b]", '"quoted"', "l", "<q>&amp;"),
    ("\x01", "\\u0001", "\\u0001_", "é 日本 \U0001f600", "tab\tand\nline\r"),
    ("target", "predicted_target", "raw_score", "probability_0", "probability_1"),
    ("zeros", "zeros_unless_zero", "largest", "share_0", "value_0"),
    (" lead", "trail ", "a/b\\c", "1", "true"),
]


def with_labels(labels: tuple[str, ...]) -> FeatureSchema:
    """The zoo's schema with other labels, as many as it has."""
    assert len(labels) == len(LABELS)
    return FeatureSchema(tuple(replace(f, categories=labels) if f.categories else f for f in SCHEMA.features))


def with_names(names: tuple[str, ...]) -> FeatureSchema:
    """The zoo's schema with other names, told again in the descriptions."""
    return FeatureSchema(tuple(replace(f, name=n, description=f"it is {n}") for f, n in zip(SCHEMA.features, names, strict=True)))


def unnamed(booster: lgb.Booster) -> TextModel:
    """The model as one trained on a matrix without names: it takes those of any schema."""
    return replace(read(booster), feature_names=tuple(f"Column_{i}" for i in range(len(SCHEMA))))
