"""A scenario's newest result: verdict, claims, chart and the report to take away."""

from __future__ import annotations

import streamlit as st

from apps import scenario_result
from apps.scenario import Story
from apps.scenario_chart import svg
from apps.settings import Settings
from ui import parts, scenario_runs


def report(settings: Settings, story: Story) -> None:
    """Drawn; where there is none, the command that makes one."""
    if nothing := scenario_runs.came_to_nothing(settings, story.name):
        st.warning(f"The newest start came to nothing: {nothing}")
    found = scenario_result.newest(settings.home, story.name)
    if found is None:
        parts.empty(f"the story {story.name} has not been run here.", f"polyscore scenario run {story.name}")
        return
    folder, result = found
    box = {"PASS": st.success, "FAIL": st.error}.get(result.verdict, st.warning)
    box(f"{scenario_runs.shown(result)}: {result.why}")
    parts.as_of(round(result.began.timestamp() * 1e6))
    st.dataframe(scenario_runs.claims(result), hide_index=True)
    if chart := svg(result):
        st.image(chart, width="stretch", caption="numbers stand where something happened")
    page = folder / scenario_result.HTML
    if page.is_file():
        st.download_button("Report (HTML)", page.read_bytes(), f"{folder.name}.html", "text/html", key="report")
