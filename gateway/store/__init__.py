"""What must outlive a process: documents, indexes, deadlines and messages that have to leave."""
