"""What must outlive a process: documents, indexes, deadlines and messages that have to leave.

``store`` says what is promised. ``sqlite`` keeps it for a gateway that is one process, ``redis`` for many nodes; one
contract suite holds both to it.
"""
