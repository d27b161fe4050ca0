"""A version's own report: what it was made of, how good it was when it was trained, and what it looks at."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from ui import report_charts as charts
from ui.charts import Chart


def show(manifest: dict[str, Any], report: dict[str, Any]) -> None:
    """Manifest and report as the version's announcement has them."""
    _manifest(manifest)
    if report["folds"]:
        _metrics(report)
    _plots(report)
    if report["folds"]:
        _folds(report["folds"])
    _details(manifest)


def _manifest(manifest: dict[str, Any]) -> None:
    data = manifest["data"]
    made = f"{manifest['created'][:19].replace('T', ' ')} UTC"
    if "rows" not in data:
        st.caption(f"made {made} from a model file ({data['source']}), which does not say what it was trained on")
        return
    span = f", {data['from'][:10]} to {data['to'][:10]}" if "from" in data else ""
    late = f"; labels {data['label_delay_days']} days late" if "label_delay_days" in data else ""
    st.caption(f"trained {made} on {data['rows']:,} rows ({data['source']}){span}{late}")


def _metrics(report: dict[str, Any]) -> None:
    st.markdown(f"{_protocol(report['protocol'])}, {len(report['folds'])} times")
    rows = [{"metric": n.replace("_", " "), **{k: m[k] for k in ("mean", "std", "min", "max")}} for n, m in report["metrics"].items()]
    number = st.column_config.NumberColumn(format="%.4f")
    config = dict.fromkeys(("mean", "std", "min", "max"), number)
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=config, width=760)
    for name, found in report.get("baselines", {}).items():
        st.caption(f"to be beaten: {name}, " + ", ".join(f"{metric.replace('_', ' ')} {m['mean']:.4f}" for metric, m in found.items()))


def _protocol(protocol: dict[str, Any]) -> str:
    if "train_days" not in protocol:
        return f"**Judged {protocol['method']}**"
    return "**Judged forward in time**: train {} days, wait {}, test {}".format(
        *(protocol[f"{n}_days"] for n in ("train", "delay", "test"))
    )


def _plots(report: dict[str, Any]) -> None:
    folds, shown = report["folds"], report.get("shown", {})
    if "curves" in report:
        _curves(report, folds)
    spreads = {name: (title, report["metrics"][name]) for name, title in shown.items()}
    if spreads:
        _row({_heading(title, found): charts.by_fold(folds, name, found["mean"]) for name, (title, found) in spreads.items()})
    left, right = st.columns([3, 2], gap="medium")
    left.markdown("**What it looks at**")
    left.altair_chart(charts.importance(report["importance"]), width="stretch", alt="feature importance")
    if "card_precision_at_100" in report["metrics"]:
        right.markdown("**Cards found among the 100 checked a day**, and the ceiling: all that could be found")
        right.altair_chart(charts.card_precision(folds), width="stretch", alt="card precision at 100 by fold")


def _curves(report: dict[str, Any], folds: list[dict[str, Any]]) -> None:
    pooled = report["curves"]
    drawn = _each(folds, "curves")
    found = charts.curve(pooled["precision_recall"], _each(drawn, "precision_recall"), "recall", "precision")
    rates = ("false positive rate", "true positive rate")
    roc = charts.curve(pooled["roc"], _each(drawn, "roc"), *rates, diagonal=True)
    calibration = charts.calibration(report["calibration"], _each(folds, "calibration"))
    _row({"**Precision against recall**": found, "**ROC**": roc, "**Calibration**": calibration})


def _each(folds: list[dict[str, Any]], name: str) -> list[Any]:
    """What the folds have under this name; a report of an earlier version has less of each fold."""
    return [fold[name] for fold in folds if name in fold]


def _heading(title: str, spread: dict[str, float]) -> str:
    return f"**{title[0].upper()}{title[1:]}** by fold  \nmean {spread['mean']:.4f}, std {spread['std']:.4f}"


def _row(plots: dict[str, Chart]) -> None:
    for column, (heading, chart) in zip(st.columns(len(plots), gap="medium"), plots.items(), strict=True):
        column.markdown(heading)
        column.altair_chart(chart, width="stretch", alt=heading.replace("*", "").replace("\n", ""))


def _folds(folds: list[dict[str, Any]]) -> None:
    with st.expander("Fold by fold, in numbers"):
        rows = [{**_window(fold), **{name.replace("_", " "): value for name, value in fold["metrics"].items()}} for fold in folds]
        number = st.column_config.NumberColumn(format="%.4f")
        config = {name.replace("_", " "): number for fold in folds for name in fold["metrics"]}
        st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=config)


def _window(fold: dict[str, Any]) -> dict[str, Any]:
    window = fold.get("test_window")
    dates = {"tested on": f"{window['from'][:10]} to {window['to'][:10]}"} if window else {}
    named = {"first test day": "first_test_day", "tested": "tested", "positives": "positives"}
    return {**{title: fold[name] for title, name in named.items() if name in fold}, **dates}


def _details(manifest: dict[str, Any]) -> None:
    with st.expander("Features"):
        features = [{**f, "categories": ", ".join(f["categories"])} for f in manifest["schema"]]
        st.dataframe(pd.DataFrame(features), hide_index=True)
    with st.expander("Files, with their SHA-256"):
        st.dataframe(pd.DataFrame([{"file": n, **f} for n, f in manifest["files"].items()]), hide_index=True)
    with st.expander("Parameters and libraries"):
        left, right = st.columns(2)
        left.json(manifest["params"])
        right.json(manifest["libraries"])
