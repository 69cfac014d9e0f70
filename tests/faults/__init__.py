"""What is promised when something breaks, on real processes: gateways, workers, Redis, a load balancer.

Each test makes a scene, has numbered messages go through it, breaks something, and asserts what section "Over several
nodes" of ``docs/explanation/delivery-guarantees.md`` promises: exactly that, and in the time that is promised.
"""
