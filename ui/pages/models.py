"""The trained bundles: what each was made of, how good it is, and what it looks at."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from domain.contract import Domain
from ui import charts, parts, queries


def draw(engine: Engine, domain: Domain) -> None:
    found = queries.models(engine, domain.name)
    if not found:
        parts.empty("no model has been announced.", f"polyscore train {domain.name}", "polyscore sink")
        return
    parts.as_of(round(found[0].created.timestamp() * 1e6))
    versions = [row.version for row in found]
    chosen = st.selectbox("Model", versions, key="model version", width=420)
    row = queries.model(engine, domain.name, chosen if chosen in versions else versions[0])
    _manifest(row.manifest)
    _metrics(row.report)
    _plots(row.report)
    _details(row.manifest)


def _manifest(manifest: dict[str, Any]) -> None:
    data = manifest["data"]
    st.caption(
        f"trained {manifest['created'][:19].replace('T', ' ')} UTC on {data['rows']:,} rows ({data['source']}), "
        f"{data['from'][:10]} to {data['to'][:10]}; labels {data['label_delay_days']} days late"
    )


def _metrics(report: dict[str, Any]) -> None:
    protocol = report["protocol"]
    st.markdown(
        f"**Judged forward in time**: train {protocol['train_days']} days, wait {protocol['delay_days']}, test {protocol['test_days']}, "
        f"{len(report['folds'])} times"
    )
    rows = [{"metric": n.replace("_", " "), **{k: m[k] for k in ("mean", "std", "min", "max")}} for n, m in report["metrics"].items()]
    number = st.column_config.NumberColumn(format="%.4f")
    config = dict.fromkeys(("mean", "std", "min", "max"), number)
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=config, width=760)
    rule = report["single_rule"]["mean"]
    st.caption(f"the best single rule (one feature alone, chosen on the test days themselves) has an average precision of {rule:.4f}")


def _plots(report: dict[str, Any]) -> None:
    curves = report["curves"]
    plots = {
        "Precision against recall": charts.curve(curves["precision_recall"], "recall", "precision"),
        "ROC": charts.curve(curves["roc"], "false positive rate", "true positive rate", diagonal=True),
        "Calibration": charts.calibration(report["calibration"]),
    }
    for column, (title, chart) in zip(st.columns(3, gap="medium"), plots.items(), strict=True):
        column.markdown(f"**{title}**")
        column.altair_chart(chart, width="stretch", alt=title)
    left, right = st.columns([3, 2], gap="medium")
    left.markdown("**What it looks at**")
    left.altair_chart(charts.importance(report["importance"]), width="stretch", alt="feature importance")
    right.markdown("**Cards found among the 100 checked a day**, and the ceiling")
    right.altair_chart(charts.card_precision(report["folds"]), width="stretch", alt="card precision at 100 by fold")


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


parts.page("Models", draw)
