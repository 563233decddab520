"""Who may enter, as whom and how often; whose rows a request may write; what an equal one was answered."""
