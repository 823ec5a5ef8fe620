"""What is stored: the documents, and the store that reads and writes them."""
