"""What providers tell us: they call, we look at the object itself and settle."""
