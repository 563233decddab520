"""An organization's subscriptions: product, project, start and price."""
