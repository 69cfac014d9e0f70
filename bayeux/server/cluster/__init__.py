"""Many nodes that serve as one: events cross them, sessions live on one of them and outlive it.

Nothing of this runs where ``BayeuxServer.cluster`` is None.
"""
