"""Texts for the state of a run, shared by HTML reports and the terminal."""

from nmt.reports.state import RunState


def status_text(state: RunState) -> str:
    """Return the state of training as a sentence, with the reason where training ended."""
    if state.status == "training":
        return f"training (process {state.process})"
    if state.status == "preparing":
        return f"preparing the data (process {state.process})"
    if state.status == "ended":
        return f"training ended: {state.history.ended}"
    if state.status == "given up":
        return "training given up: loss or gradient not finite"
    if state.status == "stopped":
        return (
            f"training stopped at update {state.history.update:,}; no process of this machine is "
            "at work on it"
        )
    return "training has not begun"
