"""Real foreign clients against our server: what others wrote must work as it is."""
