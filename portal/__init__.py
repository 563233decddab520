"""The customer billing portal: the bill you can check. `portal.app.create_app` assembles it.

Nothing is imported here, so that the sandboxes can start without the portal they stand beside.
"""
