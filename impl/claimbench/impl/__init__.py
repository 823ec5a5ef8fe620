"""What is run: the schema, the ports and the implementations of the pipeline."""
