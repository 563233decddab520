"""The scheduler of billing: named steps, the tick that runs each of them, and loops that go on."""
