"""Internal: graphs, symbolic values, cells, and the recurrent layers made of them."""
