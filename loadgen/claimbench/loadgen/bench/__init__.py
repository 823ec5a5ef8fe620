"""Where measurements are made: servers, databases, and the way to them."""
