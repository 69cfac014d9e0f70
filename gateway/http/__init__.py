"""Everything the gateway serves over HTTP besides Bayeux."""
