"""One fault each: begin it, hold it for a while, end it. Every fault heals what it broke.

A fault is `async def fault(scene) -> None`. It picks its victim with the scene's random numbers and
records when it began, what exactly it did, and when it was over, so that the report and the history
show it. It may raise ClusterError when a node does not come back: that is a finding, not an error
of the harness.
"""
