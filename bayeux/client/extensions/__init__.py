"""Extensions of the client that come with it, each for one extension of the server, or one custom of servers."""
