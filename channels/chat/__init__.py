"""What is said in a chat, in its order."""
