"""Sets of ids by name, which leave nothing behind."""

from gateway.routing.members import Members


def test_name_without_ids_is_forgotten() -> None:
    members = Members()
    members.add("ann", "1")
    members.add("ann", "2")
    members.discard("ann", "1")
    members.discard("bob", "1")
    assert members == {"ann": {"2"}}
    members.discard("ann", "2")
    members.discard("ann", "2")
    assert members == {}
