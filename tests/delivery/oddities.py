"""A gateway that goes wrong around one of its calls: killed, refused, or done and never answered."""


class Killed(BaseException):
    """kill -9, as far as a test can."""


class Watched:
    """A gateway that does something odd around one of its methods."""

    def __init__(self, gateway, **oddities):
        self.gateway, self.oddities, self.calls = gateway, oddities, []

    def __getattr__(self, name):
        method = getattr(self.gateway, name)
        if name in {"name", "refuse_uncarried"}:  # nobody is called
            return method

        def call(*args):
            self.calls.append(name)
            oddity = self.oddities.get(name)
            return oddity(method, *args) if oddity else method(*args)

        return call


def raises(error):
    def oddity(method, *args):
        raise error

    return oddity


def after(error):
    def oddity(method, *args):
        method(*args)
        raise error

    return oddity
