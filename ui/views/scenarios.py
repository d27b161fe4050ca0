"""Stories with a stated outcome: which there are, how they last ended, one of them run, watched and read."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from apps import scenario_list, scenario_result
from apps.scenario import Story
from apps.settings import Settings
from domain.contract import Domain
from ui import parts, scenario_runs, scenario_shown

_REFUSED = "why a story was not stopped"


def draw(domain: Domain) -> None:
    settings = Settings()
    stories = [story for story in scenario_list.stories() if story.domain == domain.name]
    if not stories:
        st.info(f"There are no stories of {domain.title}: they are told of the domains that come with polyscore.")
        _watch(settings)
        return
    st.dataframe(
        scenario_runs.listed(settings, stories), hide_index=True, column_config={"took": st.column_config.NumberColumn(format="%d s")}
    )
    _watch(settings)
    scenario_shown.report(settings, _choose(settings, stories))


def _choose(settings: Settings, stories: list[Story]) -> Story:
    left, middle, right = st.columns([3, 1, 1], vertical_alignment="bottom")
    name = left.selectbox("Scenario", [story.name for story in stories], key="scenario", bind="query-params")
    seed = int(middle.number_input("Seed", min_value=0, value=1, step=1, key="seed"))
    if right.button("Run", key="run", type="primary", disabled=scenario_result.running(settings.home) is not None, width="stretch"):
        try:
            scenario_runs.start(settings, name, seed)
        except OSError as error:
            st.error(f"{settings.home}: {error.strerror}; results are written there: mend the rights, or set POLYSCORE_HOME")
        else:
            st.rerun()
    return next(story for story in stories if story.name == name)


def _watch(settings: Settings) -> None:
    """What runs now, live; the whole page is drawn anew when one begins or ends."""
    began = scenario_result.running(settings.home)

    @st.fragment(run_every=parts.EVERY_S)
    def live() -> None:
        found = scenario_result.running(settings.home)
        if (found is None) != (began is None):
            st.rerun()
        if found is None:
            return
        with st.container(border=True):
            left, right = st.columns([4, 1], vertical_alignment="center")
            left.markdown(f"**{found.name}** is running")
            if right.button("Stop", key=f"stop {found.folder}", width="stretch"):
                st.session_state[_REFUSED] = found.folder, scenario_runs.stop(found)
            of, why = st.session_state.get(_REFUSED, ("", ""))
            if why and of == found.folder:
                st.error(why)
            st.code(scenario_runs.log(Path(found.folder)) or "starting", language="text", height=300)

    live()


parts.still("Scenarios", draw)
